"""Who may come in (section 1 of the specification, "Auth")."""

from __future__ import annotations

from tests.dialects.ironmq_case import (
    OTHER_PROJECT,
    OTHER_TOKEN,
    PROJECT,
    SUSPENDED,
    TOKEN,
    Answer,
    IronMQCase,
    asking,
    authorized,
)

UNAUTHORIZED = "Invalid project/token combination"


class AccessTests(IronMQCase):
    def ask(
        self, target: str, headers: dict[str, str] | None = None, method: str = "GET"
    ) -> Answer:
        return self.send(asking(method, target, headers=headers)).answer()

    def queues(self, project: str, query: str = "") -> str:
        return f"/1/projects/{project}/queues{query}"

    def test_the_header_lets_in(self) -> None:
        """``Authorization: OAuth TOKEN`` (seed); every client sends it."""
        self.assertEqual(self.ask(self.queues(PROJECT), authorized()).status, 200)

    def test_the_names_of_headers_have_no_case(self) -> None:
        """Ruby and curl send them in lower case."""
        headers = {"authorization": f"OAuth {TOKEN}"}
        self.assertEqual(self.ask(self.queues(PROJECT), headers).status, 200)

    def test_the_query_lets_in(self) -> None:
        """``?oauth=TOKEN`` (seed), percent-encoded or not, among others."""
        encoded = "".join(f"%{byte:02x}" for byte in TOKEN.encode())
        for query in (f"?oauth={TOKEN}", f"?page=0&oauth={TOKEN}&x", f"?%6fauth={encoded}"):
            self.assertEqual(self.ask(self.queues(PROJECT, query)).status, 200, query)

    def test_every_token_of_a_namespace_lets_in(self) -> None:
        for token in ("unused", OTHER_TOKEN):
            answer = self.ask(self.queues(OTHER_PROJECT), authorized(token))
            self.assertEqual(answer.status, 200)

    def test_the_scheme_has_a_case_and_only_one_blank(self) -> None:
        """ "Be sure you have the correct case, it's OAuth, not Oauth" (seed)."""
        for value in (
            f"Oauth {TOKEN}", f"oauth {TOKEN}", f"OAUTH {TOKEN}", f"Bearer {TOKEN}", TOKEN,
            f"OAuth{TOKEN}", f"OAuth  {TOKEN}", f"OAuth\t{TOKEN}", "OAuth", "OAuth ", "",
            f"Basic {TOKEN}", f"OAuth {TOKEN} ", f"OAuth {TOKEN[:-1]}", f"OAuth {TOKEN}x",
            f"OAuth {TOKEN.upper()}", "OAuth é",
        ):  # fmt: skip
            answer = self.ask(self.queues(PROJECT), {"Authorization": value})
            self.assert_refused(answer, 401, UNAUTHORIZED)

    def test_without_a_token_nobody_gets_in(self) -> None:
        for query in ("", "?", "?oauth=", "?oauth", "?oauth=x", f"?OAuth={TOKEN}", "?oauth=%ff"):
            self.assert_refused(self.ask(self.queues(PROJECT, query)), 401, UNAUTHORIZED)

    def test_the_header_decides_if_both_are_given(self) -> None:
        """The specification's choice; no client sends both."""
        good, bad = self.queues(PROJECT, f"?oauth={TOKEN}"), self.queues(PROJECT, "?oauth=bad")
        self.assertEqual(self.ask(bad, authorized()).status, 200)
        self.assert_refused(self.ask(good, authorized("bad")), 401, UNAUTHORIZED)
        self.assert_refused(self.ask(good, {"Authorization": ""}), 401, UNAUTHORIZED)

    def test_two_headers_count_as_none(self) -> None:
        """What a proxy takes and what is taken behind it could be different ones."""
        asked = asking("GET", self.queues(PROJECT), headers=authorized())
        asked.headers.addRawHeader("Authorization", f"OAuth {TOKEN}")
        self.assert_refused(self.send(asked).answer(), 401, UNAUTHORIZED)

    def test_an_unknown_project_is_not_found_with_any_known_token(self) -> None:
        """ "The resource, project, or endpoint being requested doesn't exist" (seed)."""
        for project in ("unknown", PROJECT[:-1], PROJECT.upper(), "%ff", "%00", "a%2Fb"):
            for token in (TOKEN, OTHER_TOKEN):
                answer = self.ask(self.queues(project), authorized(token))
                self.assert_refused(answer, 404, "Project not found")

    def test_an_unknown_project_is_not_told_to_strangers(self) -> None:
        self.assert_refused(self.ask(self.queues("unknown")), 401, UNAUTHORIZED)

    def test_a_token_opens_its_own_projects_only(self) -> None:
        """Tenants must not meet."""
        answer = self.ask(self.queues(OTHER_PROJECT), authorized(TOKEN))
        self.assert_refused(answer, 401, UNAUTHORIZED)
        answer = self.ask(self.queues(PROJECT), authorized(OTHER_TOKEN))
        self.assert_refused(answer, 401, UNAUTHORIZED)

    def test_projects_have_nothing_in_common(self) -> None:
        self.post("mine")
        target = f"/1/projects/{OTHER_PROJECT}/queues/q"
        answer = self.ask(target, authorized(OTHER_TOKEN))
        self.assert_refused(answer, 404, "Queue not found")
        self.assertEqual(
            self.ask(f"{target}/messages", authorized(OTHER_TOKEN)).json["messages"], []
        )

    def test_a_suspended_project_is_forbidden(self) -> None:
        """403: "Project suspended" (seed, with a slip of the pen)."""
        for path in ("queues", "queues/q/messages", "nowhere"):
            answer = self.ask(f"/1/projects/{SUSPENDED}/{path}", authorized())
            self.assert_refused(answer, 403, "Project suspended")

    def test_a_suspended_project_is_not_told_to_strangers(self) -> None:
        self.assert_refused(self.ask(self.queues(SUSPENDED)), 401, UNAUTHORIZED)

    def test_a_project_may_be_spelled_with_percent_signs(self) -> None:
        encoded = "".join(f"%{byte:02x}" for byte in PROJECT.encode())
        self.assertEqual(self.ask(self.queues(encoded), authorized()).status, 200)

    def test_token_comes_before_path_before_verb_before_body(self) -> None:
        """One order, so that a client with several faults always hears of the same one first."""
        nowhere = f"/1/projects/{PROJECT}/nowhere"
        self.assert_refused(self.ask(nowhere), 401)
        self.assert_refused(
            self.ask("/1/projects/x/nowhere", authorized()), 404, "Project not found"
        )
        self.assert_refused(self.ask(nowhere, authorized(), "PATCH"), 404, "Not found")
        self.assert_refused(self.ask(self.queues(PROJECT, "/%ff"), authorized(), "PATCH"), 400)
        self.assert_refused(self.ask(self.queues(PROJECT, "/q"), authorized(), "PATCH"), 405)
        self.assert_refused(self.ask(self.queues(PROJECT, "/q"), authorized(), "POST"), 400)
