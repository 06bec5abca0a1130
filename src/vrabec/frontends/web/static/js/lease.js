// Forms that make a machine: the field of its lease says what is usual in the project that is chosen.

export function showLease(form) {
  const field = form.querySelector("[data-lease]");
  if (!field) return;
  const project = form.elements.project.value;
  const known = [...field.querySelectorAll("[data-lease-of]")];
  for (const words of known) words.hidden = words.dataset.leaseOf !== project;
  // After a refusal the sentence stands there, and the field stays.
  field.hidden = known.length > 0 && known.every((words) => words.hidden);
  field.querySelector("input").disabled = field.hidden;
}

export function start() {
  document.addEventListener("change", ({ target }) => {
    if (target.name === "project" && target.form) showLease(target.form);
  });
}
