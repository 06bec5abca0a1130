// Forms that a passkey fills: asks the controller what to sign, the browser to sign it, and sends the form.
const can = window.PublicKeyCredential && "parseRequestOptionsFromJSON" in window.PublicKeyCredential;

async function answer(form) {
  const asked = await fetch(form.dataset.options, { method: "POST", body: new FormData(form) });
  const options = await asked.json();
  if (!asked.ok) throw new Error(options.message);
  if (form.dataset.passkey === "create")
    return navigator.credentials.create({
      publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey),
    });
  return navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey),
  });
}

async function fill(form) {
  const said = form.querySelector("[role=alert]");
  said.hidden = true;
  try {
    form.elements.credential.value = JSON.stringify((await answer(form)).toJSON());
    form.submit();
  } catch (error) {
    // Cancelled or timed out, as a rule: what browsers say of it is no sentence for people.
    said.textContent = error instanceof DOMException ? form.dataset.failed : error.message;
    said.hidden = false;
  }
}

if (can)
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.parentElement.querySelector("[data-without-passkeys]")?.remove();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      fill(form);
    });
  }
