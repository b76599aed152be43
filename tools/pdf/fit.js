() => {
  // What is wider than the column of text may be as wide as the page's; what is still wider becomes smaller.
  const column = document.createElement("div");
  column.className = "room";
  document.body.append(column);
  const { left, right, width } = column.getBoundingClientRect();
  const widen = (box) => {
    const { left: at } = box.getBoundingClientRect();
    box.style.marginLeft = `${left - at + parseFloat(getComputedStyle(box).marginLeft)}px`;
    box.style.width = `${width}px`;
    box.style.maxWidth = "none";
    box.classList.add("widened");
  };
  const shrink = (box, needed, has, least) => {
    const size = parseFloat(getComputedStyle(box).fontSize);
    box.style.fontSize = `${size * Math.max(least, (has / needed) * 0.995)}px`;
  };
  const trouble = [];
  const name = (element) => {
    const chapter = element.closest("article")?.id ?? "front";
    return `${chapter}: ${element.tagName.toLowerCase()}.${element.className}: ${element.textContent.trim().slice(0, 70)}`;
  };

  for (const pre of document.querySelectorAll("article pre")) {
    const over = () => pre.scrollWidth > pre.clientWidth + 0.5;
    if (over()) shrink(pre, pre.scrollWidth, pre.clientWidth, 0.88);
    if (over()) widen(pre.closest(".highlight") ?? pre);
  }
  for (const box of document.querySelectorAll("article .equation")) {
    const math = box.querySelector("math");
    const room = box.querySelector(".scrolls");
    if (!math || !room) continue;
    const over = () => math.getBoundingClientRect().width > room.clientWidth;
    if (over()) widen(box);
    if (over()) shrink(math, math.getBoundingClientRect().width, room.clientWidth, 0.7);
  }
  for (const table of document.querySelectorAll("article table")) {
    const box = table.closest(".scrolls") ?? table;
    // As wide as its lines, where no cell needs to wrap.
    const wish = () => {
      table.style.width = "max-content";
      const wanted = table.getBoundingClientRect().width;
      table.style.width = "";
      return wanted;
    };
    if (wish() > box.clientWidth + 0.5) widen(box);
    if (table.getBoundingClientRect().width > box.clientWidth + 0.5)
      shrink(table, table.getBoundingClientRect().width, box.clientWidth, 0.8);
  }

  // What is short is not divided: a page neither begins nor ends with two lines of it.
  for (const block of document.querySelectorAll("article :is(p, li, pre)")) {
    const lines = block.getBoundingClientRect().height / parseFloat(getComputedStyle(block).lineHeight);
    if (lines < (block.matches("pre") ? 10 : 5.5)) block.classList.add("whole");
  }
  for (const block of document.querySelectorAll("article :is(.cell, .scrolls, .admonition)"))
    if (block.getBoundingClientRect().height < 230) block.classList.add("whole");

  // Nothing may reach beyond the page's column: Chromium would print all pages smaller.
  const beyond = new Set();
  for (const element of document.querySelectorAll("article *, .contents-pages *")) {
    if (element.closest("svg") && element.tagName !== "svg") continue;
    const box = element.getBoundingClientRect();
    if (!box.width || (box.right <= right + 1 && box.left >= left - 1)) continue;
    beyond.add(element);
    if (!beyond.has(element.parentElement)) trouble.push(name(element));
  }
  column.remove();
  return trouble;
}
