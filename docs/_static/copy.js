// A button on each block of code: it copies the text, and of a console block the commands without their prompts.
document.addEventListener("DOMContentLoaded", () => {
  if (!navigator.clipboard) return;
  for (const block of document.querySelectorAll("div.highlight")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const text = block.querySelector("pre").textContent;
      const commands = text.split("\n").filter((line) => line.startsWith("$ "));
      const isConsole = block.closest(".highlight-console") && commands.length;
      await navigator.clipboard.writeText(isConsole ? commands.map((line) => line.slice(2)).join("\n") : text);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    block.append(button);
  }
});
