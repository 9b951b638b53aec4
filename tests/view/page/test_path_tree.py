"""The branches of a workflow say where its time and its tokens went."""

from __future__ import annotations

from otel_sessions.view.page.path_tree import path_tree
from view_documents import NO_TOKENS


def a_path(path, duration=100.0, read=None, written=None, **more):
    tokens = NO_TOKENS | {"input": read, "output": written} | more
    return {"path": path, "spans": 1, "duration": duration, "tokens": tokens}


def bottlenecks(*paths) -> list[str]:
    return [branch.path for branch in path_tree(paths).branches if branch.is_bottleneck]


def test_each_branch_has_its_share_of_time_and_tokens():
    tree = path_tree(
        [a_path("/", 200.0, 80, 20), a_path("/a", 50.0, 20, 5), a_path("/a/b", 10.0), a_path("/c", 150.0, total=50)]
    )

    assert [(branch.step, branch.depth, branch.share, branch.token_share) for branch in tree.branches] == [
        ("/", 0, 100, 100),
        ("a", 1, 25, 25),
        ("b", 2, 5, None),
        ("c", 1, 75, 50),
    ]
    assert tree.hidden == 0


def test_the_bottleneck_is_the_deepest_branch_that_has_most_of_the_time():
    paths = [a_path("/", 200.0), a_path("/a", 150.0), a_path("/a/x", 100.0), a_path("/a/y", 50.0), a_path("/b", 50.0)]

    assert bottlenecks(*paths) == ["/a/x"]


def test_where_time_is_spread_there_is_no_bottleneck():
    assert bottlenecks(a_path("/", 200.0), *(a_path(f"/{n}", 50.0) for n in range(4))) == []


def test_an_only_branch_is_no_bottleneck_of_its_own():
    assert bottlenecks(a_path("/", 200.0), a_path("/a", 200.0)) == []
    assert bottlenecks(a_path("/", 9.0), a_path("/a", 9.0), a_path("/a/x", 8.0), a_path("/a/y", 1.0)) == ["/a/x"]


def test_what_is_not_known_has_no_share():
    tree = path_tree([a_path("/", None), a_path("/a", None, total=5)])

    assert [(branch.share, branch.token_share) for branch in tree.branches] == [(None, None), (None, None)]
    assert bottlenecks(a_path("/", 0.0), a_path("/a", 0.0), a_path("/b", 0.0)) == []


def test_of_many_branches_those_with_the_most_time_are_shown_with_those_above_them():
    paths = [
        a_path("/", 100.0),
        a_path("/a", 1.0),
        a_path("/a/deep", 60.0),
        *(a_path(f"/x{n}", float(n)) for n in range(9)),
    ]

    tree = path_tree(paths, most=4)

    assert [branch.path for branch in tree.branches] == ["/", "/a", "/a/deep", "/x8"]
    assert tree.hidden == 8


def test_no_paths_are_no_tree():
    assert path_tree([]) == ((), 0)
