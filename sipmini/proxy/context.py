"""The response context (RFC 3261 §16.7): one request, its branches, and what goes back upstream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import define, field

from sipmini import reasons
from sipmini.errors import TransportFailure
from sipmini.flow import Flow
from sipmini.hop import Hop
from sipmini.message import Message, Request, Response, make_response
from sipmini.proxy.choosing import best, with_all_challenges
from sipmini.proxy.targets import Target
from sipmini.reasons import Reason
from sipmini.transaction import ClientTransaction, ServerTransaction
from sipmini.transaction.timers import Timer, Timers

#: Timer C, in seconds; it must be larger than three minutes (§16.6 step 11).
TIMER_C = 181.0

#: Seconds after which a non-INVITE that has no final response yet is answered 100: the time that
#: the Timer E of its client takes to reach T2, by the default values (RFC 4320 §4.1).
NON_INVITE_TRYING = 3.5


class Sender(Protocol):
    """What a context needs of the proxy core."""

    timers: Timers

    def send_branch(self, branch: Branch, hop: Hop) -> ClientTransaction:
        """Send the request of *branch* to *hop*, in a new transaction."""

    def forward_late_ack(self, ack: Request, flow: Flow) -> None:
        """Forward an ACK for a 2xx that came with the branch of its INVITE."""

    def decided(self, reason: Reason, message: Message) -> None:
        """Write down that a rule was applied."""

    def new_tag(self) -> str:
        """A tag for a response of our own."""


@define(eq=False)
class Branch:
    """One target of a forked request: where it is tried, and what came of it.

    It is the user of the client transaction of the try that is under way.
    """

    context: ResponseContext
    target: Target
    hops: Sequence[Hop]
    tried: int = 0
    transaction: ClientTransaction | None = None
    final: Response | None = None
    finished: bool = False
    cancelled: bool = False
    timer_c: Timer | None = None
    provisional: bool = False

    def start(self) -> None:
        """Try the next hop."""
        hop = self.hops[self.tried]
        self.tried = this = self.tried + 1
        self.provisional = False
        if self.context.is_invite:
            self._restart_timer_c()
        transaction = self.context.sender.send_branch(self, hop)
        # A hop that fails at once has the next one tried before this returns.
        if self.tried == this:
            self.transaction = transaction

    def cancel(self) -> None:
        """Give this branch up, if it is pending."""
        if self.finished:
            return
        self.cancelled = True
        if self.transaction is not None:
            self.transaction.cancel()

    def finish(self, final: Response | None) -> None:
        """Nothing more is to be expected of this branch."""
        self.finished = True
        self.final = final
        if self.timer_c is not None:
            self.timer_c.cancel()

    def _restart_timer_c(self) -> None:
        if self.timer_c is not None:
            self.timer_c.cancel()
        self.timer_c = self.context.sender.timers.later(TIMER_C, self._timer_c_fired)

    def _timer_c_fired(self) -> None:
        """§16.8: a branch that has rung long enough is cancelled; a silent one counts as a 408."""
        reason = reasons.INVITE_TIMED_OUT.because(self.hop)
        if self.provisional:
            self.context.sender.decided(reason, self.context.request)
            self.cancel()
        else:
            self.context.branch_failed(self, reason)

    # --- ClientUser -------------------------------------------------------------------------

    def received(self, response: Response) -> None:
        """A response came from downstream."""
        if response.status < 200:
            self.provisional = True
            if response.status > 100 and self.timer_c is not None and not self.finished:
                self._restart_timer_c()
        self.context.branch_answered(self, response)

    def timed_out(self) -> None:
        """This hop never answered."""
        self._failed(reasons.NO_ANSWER.because(self.hop))

    def transport_failed(self, failure: TransportFailure) -> None:
        """This hop could not be reached."""
        self._failed(reasons.NEXT_HOP_FAILED.because(str(failure)))

    @property
    def hop(self) -> str:
        """The hop that was tried last, in words."""
        return str(self.hops[self.tried - 1])

    def _failed(self, reason: Reason) -> None:
        if not self.finished and not self.failed_over(reason):
            self.context.branch_failed(self, reason)

    def failed_over(self, reason: Reason) -> bool:
        """Try the next hop, if one is left and still wanted (RFC 3263 §4.3); *reason* is why."""
        if self.tried == len(self.hops) or self.cancelled or self.context.is_over:
            return False
        self.context.sender.decided(reason, self.context.request)
        self.start()
        return True


@define(eq=False)
class ResponseContext:
    """The branches of one request.  It is the user of the server transaction.

    :ivar request: the request, with our own Routes popped.
    :ivar flow: how it came.
    :ivar cancelled_upstream: whether the client sent CANCEL.
    """

    transaction: ServerTransaction
    sender: Sender
    request: Request
    flow: Flow
    branches: list[Branch] = field(factory=list)
    cancelled_upstream: bool = False

    @property
    def is_invite(self) -> bool:
        """Whether the request is an INVITE."""
        return self.request.method == "INVITE"

    @property
    def is_over(self) -> bool:
        """Whether a final response went upstream, or the client wants none."""
        return self.transaction.final_status is not None or self.cancelled_upstream

    def fork(self, targets: Sequence[tuple[Target, Sequence[Hop]]]) -> None:
        """Send the request to all *targets* at once."""
        if not self.is_invite:
            self.sender.timers.later(NON_INVITE_TRYING, self._still_trying)
        self.branches = [Branch(self, target, hops) for target, hops in targets]
        for branch in self.branches:
            branch.start()

    def _still_trying(self) -> None:
        if self.transaction.final_status is None:
            self.transaction.respond(make_response(self.transaction.request, 100))

    def reject(self, reason: Reason) -> None:
        """Answer the request by a rule, with no branch at all."""
        self.sender.decided(reason, self.transaction.request)
        self.transaction.reject(reason, self.sender.new_tag())

    # --- from the branches ------------------------------------------------------------------

    def branch_answered(self, branch: Branch, response: Response) -> None:
        """A response came on *branch*."""
        status = response.status
        if status == 100:
            return
        headers = response.headers.without_first_value("Via")
        if "Content-Length" not in headers.names:
            headers = headers.appended("Content-Length", str(len(response.body)))
        upstream = Response(status, response.phrase, headers, response.body)
        if "Via" not in upstream.headers.names:
            self.sender.decided(reasons.LAST_VIA.because(str(status)), response)
            if status >= 200:
                self.branch_failed(branch, reasons.BAD_GATEWAY.because(branch.hop))
        elif status < 200:
            self._proceed(upstream)
        elif status < 300:
            branch.finish(upstream)
            self._succeeded(upstream)
        elif not branch.finished:
            self._branch_refused(branch, upstream)

    def _proceed(self, response: Response) -> None:
        """A provisional response goes upstream at once, while no final one has gone (§16.7 step 5)."""
        if not self.is_invite:
            self.sender.decided(reasons.NON_INVITE_PROVISIONAL.because(str(response.status)), response)
        elif self.transaction.final_status is not None:
            self.sender.decided(reasons.AFTER_FINAL.because(str(response.status)), response)
        else:
            self.transaction.respond(response)

    def branch_failed(self, branch: Branch, reason: Reason) -> None:
        """*branch* ended without a final response that could be used."""
        if branch.finished:
            return
        if self.cancelled_upstream:
            reason = reasons.CANCELLED.because("no final response came after the CANCEL")
        self.sender.decided(reason, self.request)
        branch.finish(make_response(self.transaction.request, reason, to_tag=self.sender.new_tag()))
        self._settle()

    def _branch_refused(self, branch: Branch, response: Response) -> None:
        if response.status == 503 and branch.failed_over(
            reasons.NEXT_HOP_FAILED.because(f"{branch.hop} answered 503")
        ):
            return
        branch.finish(response)
        if response.status >= 600:
            self._cancel_pending()
        self._settle()

    def _succeeded(self, response: Response) -> None:
        """A 2xx goes upstream at once; to an INVITE also after another final response (§16.7 step 5)."""
        if self.is_invite or self.transaction.final_status is None:
            self.transaction.respond(response)
        else:
            self.sender.decided(reasons.AFTER_FINAL.because(str(response.status)), response)
        self._cancel_pending()
        self._settle()

    def _cancel_pending(self) -> None:
        for branch in self.branches:
            branch.cancel()

    def _settle(self) -> None:
        """Send the best response once all branches are finished (§16.7 step 6)."""
        for branch in self.branches:
            if not branch.finished:
                return
        branches, self.branches = self.branches, []  # they hold this context, which no longer needs them
        if self.transaction.final_status is not None:
            return
        finals = [branch.final for branch in branches if branch.final is not None]
        chosen = best(finals)
        if chosen.status == 408 and not self.is_invite:
            self.sender.decided(reasons.LATE_NON_INVITE.because(), self.request)
            self.transaction.abandon()
        elif chosen.status == 503:
            self.reject(reasons.ONLY_503.because())
        else:
            self.transaction.respond(with_all_challenges(chosen, finals))

    # --- ServerUser -------------------------------------------------------------------------

    def acked(self, ack: Request) -> None:
        """The client has the final response; the ACK for a 2xx is not for us alone."""
        final = self.transaction.final_status
        if final is not None and final < 300:
            self.sender.forward_late_ack(ack, self.flow)

    def cancelled(self, cancel: Request) -> None:
        """The client gives the request up (§16.10)."""
        if not self.is_invite or self.cancelled_upstream:
            return
        self.cancelled_upstream = True
        if not self.branches:
            self.reject(reasons.CANCELLED.because())
        self._cancel_pending()

    def timed_out(self) -> None:
        """The client never acknowledged; that is its loss."""

    def transport_failed(self, failure: TransportFailure) -> None:
        """A response could not be sent: it is dropped, the branches go on (§16.9)."""
        reason = reasons.UNSENDABLE_RESPONSE.because(str(failure))
        self.sender.decided(reason, self.transaction.request)
