"use strict";
// The theme: that of the system, or the one that the reader chose last. It runs before the page is drawn.
(() => {
  const THEMES = ["system", "light", "dark"], KEY = "goutbench-theme";
  // a browser may deny storage to pages on disk; the choice then holds until the page is closed
  const read = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const keep = theme => { try { localStorage.setItem(KEY, theme); } catch { /* as above */ } };
  let theme = THEMES.includes(read()) ? read() : "system";
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) button.textContent = "Theme: " + theme;
  };
  apply();
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", () => {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      keep(theme);
      apply();
    });
  });
})();
