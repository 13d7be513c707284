"""Ada is unlocked, and others decide about her."""

from datetime import timedelta

from hypothesis import strategies as st

from tests.attacks.life.machine import Machine, act, on_node
from tests.harness.people import CLIENT_INFO
from twofold.admin import act_flow, policy_flow
from twofold.admin.policy import Policy
from twofold.directory.user import User
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.lockouts.flow import LockIsFinal, Unlocked
from twofold.provisioning import flow as provisioning
from twofold.provisioning.flow import UserChange

REASON = "Lost her phone on the train."


class Helped(Machine):
    """Unlocked, and under a policy and a licence that change."""

    @act(5, when=lambda life: life.model.wrong > 0 or life.model.mailbox.closed(life.at), node=on_node)
    def is_unlocked(self, node: int) -> None:
        """Unlocking allows mailed codes again as well."""
        at, context, model = self._tick(), self.nodes[node].context, self.model
        outcome = act_flow.unlock(context, self.grace, self.ada.id, REASON, origin=Origin(at, CLIENT_INFO))
        if not model.locked and model.mailbox.closed(at) is None:
            assert outcome == act_flow.NotLocked(), outcome
        elif model.final:
            assert outcome == LockIsFinal(), outcome
        else:
            assert outcome == Unlocked(), outcome
            model.wrong = 0 if model.locked else model.wrong
            model.forget_unknown()
            model.mailbox.open()
            model.events.append("unlocked")

    @act(
        1,
        node=on_node,
        policy=st.sampled_from(["off", "optional", "required", "required"]),
        minutes=st.sampled_from([None, None, -1, 5]),
    )
    def the_policy_changes(self, node: int, policy: str, minutes: int | None) -> None:
        at = self._tick()
        since = None if minutes is None else at + timedelta(minutes=minutes)
        outcome = policy_flow.change_policy(
            self.nodes[node].context, self.grace_session, Policy(policy, since), origin=Origin(at, CLIENT_INFO), most=5,
        )  # fmt: skip
        assert isinstance(outcome, policy_flow.PolicySaved), outcome
        self.model.policy_chosen(policy, since, at)

    @act(1, node=on_node, licensed=st.booleans())
    def the_licence_changes(self, node: int, *, licensed: bool) -> None:
        at, model = self._tick(), self.model
        outcome = provisioning.change_user(
            self.nodes[node].context,
            origin=Origin(at, CLIENT_INFO, acting.user(self.grace.id)),
            subject_id=self.ada.id,
            change=UserChange(licensed=licensed),
            within=self.account,
        )
        assert isinstance(outcome, User), outcome
        if licensed is not model.licensed:
            model.licensed = licensed
            model.events.append("user_changed")
