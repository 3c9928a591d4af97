const { moments, runs } = JSON.parse(find("runs").textContent);
const slider = find("time");

const kimg = (value) => `${value.toLocaleString("en", { maximumFractionDigits: 1 })} kimg`;

function passing({ fake, fooled }) {
  if (fooled === null) return "no verdicts were kept";
  return fake.length ? `${fooled} of 64 generated images pass for real` : "";
}

// The slider has one position per kimg with a snapshot of any run; each run shows its newest snapshot up to it.
function show() {
  const moment = moments[slider.value];
  find("moment").textContent = kimg(moment);
  slider.setAttribute("aria-valuetext", kimg(moment));
  document.querySelectorAll(".run").forEach((place, number) => {
    const { steps } = runs[number];
    const step = steps.findLast((one) => one.kimg <= moment) ?? steps[0];
    const says = place.querySelector(".says");
    if (!step) {
      says.textContent = "No images.";
      place.querySelector("ul").hidden = true;
      return;
    }
    says.textContent = `at ${kimg(step.kimg)}: ${passing(step)}`;
    fill(place.querySelector("ul"), step.sheet, step.fake, () => "");
  });
}

slider.addEventListener("input", show);
show();
