"""Judge a plan from outside: read what `flowops plan --format json` prints, and say why it may not be placed.

    flowops plan -o plan.saved --format json > plan.json
    python3 judge.py plan.json && flowops apply --plan plan.saved --digest "$(jq -r .digest plan.json)"

Exit with 0 where nothing is said against it, else with 1. plan.rego says the same for OPA and conftest.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

#: What a run may ring without somebody who looks at it.
MOST_PHONES = 500
FLOWS = {"appointment-reminder", "welcome"}
SENDING = {"place", "retry", "deferred"}


def denials(plan: dict[str, Any]) -> list[str]:
    """Return what is said against a plan."""
    if plan["format_version"] != 1:
        return ["the plan has a format that this judge does not know"]
    found = [f"warning: {warning}" for warning in plan["warnings"]]
    if plan["summary"]["phones"] > MOST_PHONES:
        found.append(f"{plan['summary']['phones']} phones are more than {MOST_PHONES}")
    for call in plan["calls"]:
        if call["action"] in SENDING and "campaign" not in call["labels"]:
            found.append(f"{call['reference_id']}: has no label campaign")
        if call["action"] in SENDING and call["flow"] not in FLOWS:
            found.append(f"{call['reference_id']}: its flow was never approved")
    return found


def main() -> int:
    """Judge the plan in the file that is named."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = denials(plan)
    sys.stderr.writelines(f"denied: {denial}\n" for denial in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
