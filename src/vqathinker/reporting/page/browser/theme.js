// Light and dark: as in the system's settings until the button is pressed; always light in print.
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");
const paper = matchMedia("print");
let chosen = null;

const themeColour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

function setTheme() {
  const system = dark.matches ? "dark" : "light";
  const theme = paper.matches ? "light" : chosen ?? system;
  const button = document.getElementById("theme");
  button.hidden = false;
  button.textContent = theme === "dark" ? "Light" : "Dark";
  button.setAttribute("aria-label", `Switch to ${theme === "dark" ? "light" : "dark"} colours`);
  if (root.dataset.theme === theme) return;
  root.dataset.theme = theme;
  document.dispatchEvent(new Event("theme"));
}

function followTheme() {
  setTheme();
  dark.addEventListener("change", setTheme);
  paper.addEventListener("change", () => {
    setTheme();
    document.dispatchEvent(new Event("theme"));
  });
  document.getElementById("theme").addEventListener("click", () => {
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    setTheme();
  });
}
