"""Reading Jinja's syntax tree: where a part begins, and how the user wrote it."""

from __future__ import annotations

from jinja2 import nodes

from flowops.templates.fault import member


def start(node: nodes.Node) -> int:
    """The offset of a node's first character; Jinja marks many nodes at their operator, or behind their end."""
    while (first := _first(node)) is not None:
        node = first
    return int(node.lineno)


def _first(node: nodes.Node) -> nodes.Node | None:
    match node:
        case nodes.BinExpr():
            return node.left
        case nodes.Compare():
            return node.expr
        case nodes.CondExpr():
            return node.expr1
        case nodes.Concat():
            return node.nodes[0]
        case nodes.Getattr() | nodes.Getitem() | nodes.Call() | nodes.Filter() | nodes.Test():
            return node.node
    return None


def label(node: nodes.Node) -> str:
    """The name of a value as its user wrote it, as in ``row.address.city``; what is longer ends in an ellipsis."""
    if isinstance(node, nodes.Name):
        return str(node.name)
    if isinstance(node, nodes.Getattr):
        return f"{label(node.node)}.{node.attr}"
    if isinstance(node, nodes.Getitem):
        above = label(node.node)
        if isinstance(node.arg, nodes.Const):
            key = node.arg.value
            return member(above, key) if isinstance(key, str) else f"{above}[{key}]"
        return f"{above}[…]"
    return "…"


def keys(node: nodes.Node) -> tuple[str, ...] | None:
    """``("vars", "office", "phone")`` of a chain of names that are written out, None of anything else."""
    found: list[str] = []
    while True:
        if isinstance(node, nodes.Getattr):
            found.append(node.attr)
            node = node.node
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            found.append(node.arg.value)
            node = node.node
        elif isinstance(node, nodes.Name):
            return (str(node.name), *reversed(found))
        else:
            return None
