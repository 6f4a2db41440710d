"""The files of a Git revision, read from the object database: no checkout is touched.

Only object ids that Git itself has given are asked for, so no name in a repository is ever taken for an option.
Filters, text conversions and hooks do not run, and nothing is fetched (gitrevisions(7), git-cat-file(1)).
"""

from __future__ import annotations

import io
import os
import subprocess
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple
from flowops.documents.files import MAX_FILE, MISSING, Entry, Unreadable
from flowops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Literal

#: What `git lfs` commits in place of a file.
_LFS = b"version https://git-lfs.github.com/spec/"
_OBJECT = regex(r"[0-9a-f]{40}|[0-9a-f]{64}")
# The modes of tree entries (git-fast-import(1)): a directory, a symbolic link, another repository.
_TREE, _LINK, _MODULE = b"40000", b"120000", b"160000"
_MAX_LINKS = 40
#: How many names may lead to what another name leads to already, and how many bytes that may be: a few objects can be
#: a tree with more paths than any disk has.
MAX_REPEATED = 20_000
MAX_REPEATED_BYTES = 64 * 1024 * 1024
_CHUNK = 64 * 1024
_NO_FETCH = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


class Node(NamedTuple):
    """An entry of a tree: its mode as Git writes it, and the id of its object."""

    mode: bytes
    id: str


def commit_of(root: Path, revision: str) -> str:
    """Return the id of the commit that a revision names, in the repository of a work tree. Raises UsageError."""
    if "\0" in revision or "\n" in revision:
        raise UsageError(f"{revision!r} names no revision")
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None or not _OBJECT.fullmatch(found):
        hint = "in a shallow clone, fetch it first: git fetch origin REVISION, or fetch-depth: 0 in a checkout action"
        remotes = (_git(root, "for-each-ref", "--format=%(refname:short)", f"refs/remotes/*/{revision}") or "").split()
        if remotes:
            hint = f"did you mean '{remotes[0]}'? There is no local branch of that name, as in most checkouts of CI"
        raise UsageError(f"'{revision}' is not a commit of the repository in {root}", hint=hint)
    return found


def merge_base(root: Path, one: str, other: str) -> str:
    """Return the commit that two commits have in common, both given by id. Raises UsageError."""
    found = _git(root, "merge-base", one, other)
    if found is None or not _OBJECT.fullmatch(found):
        raise UsageError(
            f"{one[:12]} and {other[:12]} have no commit in common",
            hint="in a shallow clone, fetch the history first: git fetch --unshallow",
        )
    return found


class Revision:
    """The files of one commit as they would lie below `root`, the root of the work tree; a `Files`."""

    def __init__(self, root: Path, commit: str) -> None:
        self.root = root
        tree = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{tree}}")
        if tree is None:
            raise UsageError(f"the tree of {commit} is not in the repository in {root}")
        self._tree = Node(_TREE, tree)
        self._trees: dict[str, dict[str, Node]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        #: Where each object was met first, and what has been met again elsewhere.
        self._met: dict[str, Path | str] = {}
        self._repeated = 0
        self._repeated_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process that reads."""
        if self._process is not None:
            _end(self._process)
            self._process = None

    def kind(self, path: Path) -> Literal["file", "directory"] | None:
        """Return what is at a path, through links."""
        try:
            node = self._find(path)
        except Unreadable:
            return None
        if node is None:
            return None
        return "directory" if node.mode in (_TREE, _MODULE) else "file"

    def entries(self, directory: Path) -> list[Entry]:
        """Return what is in a directory; links to directories are left out, so that no walk goes round in circles."""
        node = self._find(directory)
        if node is None or node.mode != _TREE:
            return []
        children = self._children(node)
        self._count(directory, node, len(children))
        return [
            Entry(name, child.mode == _TREE)
            for name, child in children.items()
            if child.mode != _MODULE and not (child.mode == _LINK and self.kind(directory / name) == "directory")
        ]

    def read(self, path: Path | str) -> bytes:
        """Return the whole of a file of at most `MAX_FILE` bytes."""
        node = self._file(path)
        data = self._object(node.id, MAX_FILE)
        self._count(path, node, 0, len(data))
        if data.startswith(_LFS):
            raise Unreadable("is kept in Git LFS: its content is not in the repository")
        return data

    def open(self, path: Path) -> BinaryIO:
        """Return a file of any length, from a process of its own."""
        node = self._file(path)
        process = _reader(self.root)
        try:
            size = _ask(process, node.id)
        except Unreadable:
            _end(process)
            raise
        stream = io.BufferedReader(_Blob(process, size), _CHUNK)
        if stream.peek(len(_LFS)).startswith(_LFS):
            stream.close()
            raise Unreadable("is kept in Git LFS: its content is not in the repository")
        return cast("BinaryIO", stream)

    def _count(self, path: Path | str, node: Node, names: int, size: int = 0) -> None:
        """Count an object that a path leads to, if another has before. Raises Unreadable when there are too many."""
        if self._met.setdefault(node.id, path) == path:
            return
        self._repeated += 1 + names
        self._repeated_bytes += size
        if self._repeated > MAX_REPEATED or self._repeated_bytes > MAX_REPEATED_BYTES:
            raise Unreadable(f"is not read: more than {MAX_REPEATED:,} names of this revision lead to the same content")

    def local(self, path: Path) -> None:
        """Return None: nothing of a revision is on the disk."""
        self._file(path)

    def _file(self, path: Path | str) -> Node:
        node = self._find(path)
        if node is None:
            raise Unreadable(MISSING)
        if node.mode in (_TREE, _MODULE):
            raise Unreadable("is a directory")
        return node

    def _find(self, path: Path | str) -> Node | None:
        """Return the entry at a path, links followed; None for nothing. Raises Unreadable if a link leads outside."""
        links = 0
        steps = list(reversed(self._inside(str(path))))
        way: list[tuple[str, Node]] = []
        while steps:
            step = steps.pop()
            here = way[-1][1] if way else self._tree
            if here.mode != _TREE:
                return None
            node = self._children(here).get(step)
            if node is None:
                return None
            if node.mode != _LINK:
                way.append((step, node))
                continue
            links += 1
            if links > _MAX_LINKS:
                raise Unreadable("is a link that leads nowhere")
            target = os.fsdecode(self._object(node.id, MAX_FILE))
            directory = self.root.joinpath(*(name for name, _ in way))
            steps = [*steps, *reversed(self._inside(os.path.normpath(directory / target)))]
            way = []
        return way[-1][1] if way else self._tree

    def _inside(self, path: str) -> list[str]:
        """Return the names that lead from the root to an absolute path."""
        relative = os.path.relpath(path, self.root)
        if relative == ".":
            return []
        names = relative.split("/")
        if names[0] == "..":
            raise Unreadable(f"leads out of {self.root}: nothing is read there")
        return names

    def _children(self, node: Node) -> dict[str, Node]:
        """Return the entries of a tree: in the object each is ``mode name NUL id``, the id in bytes."""
        known = self._trees.get(node.id)
        if known is not None:
            return known
        data, found, at = self._object(node.id, None), {}, 0
        length = len(node.id) // 2
        while at < len(data):
            space, end = data.index(b" ", at), data.index(b"\0", at)
            found[os.fsdecode(data[space + 1 : end])] = Node(data[at:space], data[end + 1 : end + 1 + length].hex())
            at = end + 1 + length
        self._trees[node.id] = found
        return found

    def _object(self, name: str, most: int | None) -> bytes:
        """Return the content of an object; of one that is too large nothing is read."""
        process = self._process = self._process or _reader(self.root)
        size = _ask(process, name)
        if most is not None and size > most:
            self.close()
            raise Unreadable(f"is larger than {most // 1024 // 1024} MiB")
        assert process.stdout is not None
        data = process.stdout.read(size + 1)
        if len(data) != size + 1:
            raise Unreadable("cannot be read: Git gave only a part of it")
        return data[:-1]


class _Blob(io.RawIOBase):
    """The content of one object on its way out of a process that has nothing else to say."""

    def __init__(self, process: subprocess.Popen[bytes], size: int) -> None:
        self._process = process
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read what is there. Raises OSError when Git ends before the content does."""
        if not self._left:
            return 0
        assert self._process.stdout is not None
        data = self._process.stdout.read1(min(len(buffer), self._left))  # type: ignore[attr-defined]
        if not data:
            raise OSError("git cat-file ended early")
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            _end(self._process)
        super().close()


def _reader(root: Path) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 (the arguments are our own)
            ["git", "-C", str(root), "cat-file", "--batch"],  # noqa: S607 (git from the PATH, as users have it)
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
    except OSError as error:
        raise _without_git(error) from None


def _ask(process: subprocess.Popen[bytes], name: str) -> int:
    """Ask for an object by its id; the size of what then comes. Raises Unreadable."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(f"{name}\n".encode())
        process.stdin.flush()
        answer = process.stdout.readline().split()
    except OSError:
        answer = []
    if len(answer) != 3:  # "<id> <type> <size>", or "<id> missing"
        raise Unreadable("is not in this clone of the repository")
    return int(answer[2])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def _git(root: Path, *args: str) -> str | None:
    """Return one line that Git says about a repository; None when it says that there is none.

    Raises UsageError when Git does not work here at all.
    """
    try:
        ran = subprocess.run(  # noqa: S603 (what comes from the user stands behind --end-of-options)
            ["git", "-C", str(root), *args],  # noqa: S607 (git from the PATH, as users have it)
            capture_output=True,
            check=False,
            env=_environment(),
        )
    except OSError as error:
        raise _without_git(error) from None
    if ran.returncode == 0:
        return ran.stdout.decode("utf-8", "replace").strip()
    said = ran.stderr.decode("utf-8", "replace").strip().splitlines()
    if said and "dubious ownership" in said[0]:
        raise UsageError(
            f"git does not trust the repository in {root}: it belongs to another user",
            hint="git config --global --add safe.directory DIR, if you do",
        )
    return None


def _environment() -> Mapping[str, str]:
    return {**os.environ, **_NO_FETCH}


def _without_git(error: OSError) -> UsageError:
    return UsageError(f"git cannot be run: {error.strerror}", hint="comparing revisions needs git")
