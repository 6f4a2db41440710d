"""What flowops takes of Jinja: its lexer, its parser and its nodes. Nothing of it compiles or runs a template."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flowops.common.libraries import module_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jinja2 import Environment, TemplateSyntaxError, nodes
    from jinja2.lexer import Lexer, TokenStream
    from jinja2.parser import Parser
else:
    nodes = module_of("jinja2", "nodes")
    TemplateSyntaxError = module_of("jinja2", "exceptions").TemplateSyntaxError
    Lexer = module_of("jinja2", "lexer").Lexer
    Parser = module_of("jinja2", "parser").Parser

__all__ = ["Grammar", "Lexer", "TemplateSyntaxError", "nodes"]


class Grammar:
    """How templates are written: Jinja's own signs, and what its lexer and its parser ask of an environment besides."""

    block_start_string, block_end_string = "{%", "%}"
    variable_start_string, variable_end_string = "{{", "}}"
    comment_start_string, comment_end_string = "{#", "#}"
    line_statement_prefix = line_comment_prefix = None
    trim_blocks = lstrip_blocks = False
    keep_trailing_newline = True
    newline_sequence = "\n"

    def __init__(self, lexer: Callable[[Environment], Lexer]) -> None:
        self.lexer = lexer(cast("Environment", self))

    def parse(self, source: str) -> nodes.Template:
        """Return the syntax tree of a template. Raises TemplateSyntaxError, RecursionError, and what the lexer does."""
        return Parser(cast("Environment", self), source).parse()

    def iter_extensions(self) -> Iterator[object]:
        """Return nothing: templates have no extensions."""
        return iter(())

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        return self.lexer.tokenize(source, name, filename, state)
