// Before anything is drawn: the chosen theme, or the system's. Classic and tiny, so that nothing flashes.
(function () {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  function chosen() {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // storage may be forbidden; the system's wish is then the only one
    }
  }
  function apply() {
    root.dataset.bsTheme = chosen() || (dark.matches ? "dark" : "light");
  }
  apply();
  dark.addEventListener("change", apply);
  window.addEventListener("storage", apply);
})();
