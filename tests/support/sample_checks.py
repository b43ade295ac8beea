"""What the doctor finds on the way to a gateway, for pictures and tests: all of it good, or one hop that is not."""

from __future__ import annotations

from agent.checks import Check, Fault, Outcome, Step

_TRIED = {
    Step.TARGET: ("", "no local service belongs to it"),
    Step.DNS: ("looked up contoso.servicebus.windows.net", "52.236.186.64"),
    Step.PROXY: ("", "no proxy is set"),
    Step.TCP: ("connected to contoso.servicebus.windows.net:443", ""),
    Step.TLS: ("checked the certificate", "good until 2027-03-01, for *.servicebus.windows.net"),
    Step.CLOCK: ("compared the clocks", "less than a second apart"),
    Step.TOKEN: ("showed the gateway a token of RootManageSharedAccessKey", "it may listen and send"),
    Step.HYBRID_CONNECTION: ("asked for storefront", "it is there"),
    Step.LISTENERS: ("asked how many listen on storefront", "0 listen"),
    Step.END_TO_END: ("", "not tried: nothing is shared yet"),
}


def all_good() -> tuple[Check, ...]:
    """Nothing is in the way."""
    return tuple(_good(step) for step in Step)


def failed_at(step: Step, fault: Fault, found: str = "it failed") -> tuple[Check, ...]:
    """Good up to *step*, and nothing behind that was tried."""
    steps = list(Step)
    place = steps.index(step)
    tried, _ = _TRIED[step]
    bad = Check(step=step, outcome=Outcome.FAILED, tried=tried, found=found, fault=fault)
    behind = (
        Check(step=one, outcome=Outcome.SKIPPED, tried="", found=f"not tried: {step.value} failed")
        for one in steps[place + 1 :]
    )
    return (*(_good(one) for one in steps[:place]), bad, *behind)


def _good(step: Step) -> Check:
    tried, found = _TRIED[step]
    outcome = Outcome.PASSED if tried else Outcome.SKIPPED
    return Check(step=step, outcome=outcome, tried=tried, found=found, took_s=0.01)
