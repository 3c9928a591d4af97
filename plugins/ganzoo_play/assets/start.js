"use strict";
// The browser lets a page that was opened as a file load nothing, not even its other scripts.
if (location.protocol === "file:") {
  document.getElementById("status").textContent =
    "A page opened as a file cannot load its generator. Run `ganzoo play RUN`, or `python -m http.server` in this directory.";
}
