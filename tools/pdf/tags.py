"""The tags of the printed file, which screen readers follow: plainer than Chromium leaves them.

Chromium writes one element for each node of the page, most of them with no meaning: some hundred
thousand. Here they go, content belongs to the paragraph, cell or formula that it is part of, list
items have bodies, and formulas are formulas, with their TeX as alternative text.
"""

from __future__ import annotations

from typing import Any

import pikepdf
from assemble import FORMULA
from pikepdf import Array, Dictionary, Name, String

# Types that PDF 1.7 does not know, and what they are there.
ROLES = {"Em": "Span", "Strong": "Span", "Aside": "Sect"}
# What holds blocks, not text; and what stands in a line of text.
GROUPS = {"/Document", "/Part", "/Art", "/Sect", "/Div", "/BlockQuote", "/Aside", "/NonStruct"}
INLINE = {"/Code", "/Em", "/Formula", "/Lbl", "/Link", "/Span", "/Strong"}
BARE = {"/Type", "/S", "/P", "/K", "/Pg"}


def children(element: Dictionary) -> list[Any]:
    """Return what an element holds: elements, numbers of marked content, references."""
    held = element.get("/K")
    if held is None:
        return []
    return list(held) if isinstance(held, Array) else [held]


def is_a(element: Dictionary, kind: str) -> bool:
    """Tell whether an element is of a type."""
    return str(element.S) == kind


def is_element(child: Any) -> bool:
    """Tell whether a child is an element, and not content."""
    return isinstance(child, Dictionary) and "/S" in child


def is_text(element: Dictionary) -> bool:
    """Tell whether an element without meaning holds text, and no block."""
    below = [child for child in children(element) if is_element(child)]
    types = {str(child.S) for child in below}
    return (
        types <= INLINE | {"/NonStruct", "/Figure"}
        and not any(is_block_picture(child) for child in below)
        and all(is_text(child) for child in below if is_a(child, "/NonStruct"))
        and bool(children(element))
    )


def is_block_picture(element: Dictionary) -> bool:
    """Tell whether an element is a picture: a figure that is no formula."""
    return is_a(element, "/Figure") and not str(element.get("/Alt", "")).startswith(FORMULA)


class Tags:
    """The tree of a file's tags, rewritten in place."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self.pdf = pdf
        self.root = pdf.Root.StructTreeRoot
        self.owners: dict[tuple[int, int], Dictionary] = {}

    def rewrite(self) -> None:
        """Rewrite the tree, and the index that leads from content to its element."""
        for child in children(self.root):
            self.settle(child)
        self.index(self.root.ParentTree)
        self.root.RoleMap = Dictionary({f"/{tag}": Name(f"/{role}") for tag, role in ROLES.items()})

    def content(self, element: Dictionary, child: Any) -> Any:
        """Return marked content with its page, so that another element can hold it."""
        if isinstance(child, int):
            return Dictionary(Type=Name.MCR, Pg=element.Pg, MCID=child)
        return child

    def settle(self, element: Dictionary) -> None:
        """Take in what meaningless elements below hold, and do so in the elements that remain."""
        alternative = str(element.get("/Alt", ""))
        if alternative.startswith(FORMULA):
            element.S, element.Alt = Name.Formula, String(alternative.removeprefix(FORMULA))
        held = self.taken_in(element, str(element.S) in GROUPS)
        if is_a(element, "/LI"):
            held = self.with_body(element, held)
        self.hold(element, held)

    def hold(self, element: Dictionary, held: list[Any]) -> None:
        """Let an element hold these children."""
        for child in held:
            if is_element(child):
                child.P = element
        if held:
            element.K = held[0] if len(held) == 1 else Array(held)
        elif "/K" in element:
            del element.K

    def taken_in(self, element: Dictionary, grouping: bool) -> list[Any]:
        """Return an element's children, with those of meaningless children in their place."""
        held: list[Any] = []
        for child in children(element):
            if not is_element(child):
                held.append(self.content(element, child))
            elif is_a(child, "/NonStruct") and set(child.keys()) <= BARE:
                if grouping and is_text(child):
                    # Words that stand in no paragraph are one.
                    child.S = Name.P
                    self.settle(child)
                    held.append(child)
                else:
                    self.owners[child.objgen] = element
                    held += self.taken_in(child, grouping)
            else:
                self.settle(child)
                held.append(child)
        return held

    def with_body(self, item: Dictionary, held: list[Any]) -> list[Any]:
        """Return a list item's children: its label, and a body that has the rest."""
        labels = [child for child in held if is_element(child) and is_a(child, "/Lbl")]
        rest = [child for child in held if not (is_element(child) and is_a(child, "/Lbl"))]
        if not rest:
            return labels
        body = self.pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name.LBody, P=item))
        for child in rest:
            if isinstance(child, Dictionary) and child.get("/Type") == Name.MCR:
                self.owners[item.objgen] = body
        self.hold(body, rest)
        return [*labels, body]

    def owner(self, element: Dictionary) -> Dictionary:
        """Return the element that holds what `element` held."""
        while element.objgen in self.owners:
            element = self.owners[element.objgen]
        return element

    def index(self, node: Dictionary) -> None:
        """Let the index of content lead to the elements that hold it now."""
        for kid in node.get("/Kids", []):
            self.index(kid)
        numbers = node.get("/Nums")
        for k in range(1, len(numbers) if numbers is not None else 0, 2):
            entry = numbers[k]
            if isinstance(entry, Array):
                for j, element in enumerate(entry):
                    if isinstance(element, Dictionary):
                        entry[j] = self.owner(element)
            elif isinstance(entry, Dictionary):
                numbers[k] = self.owner(entry)
