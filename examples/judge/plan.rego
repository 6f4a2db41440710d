# What may not be placed, for OPA and conftest: `conftest test plan.json --policy plan.rego`, or
# `opa eval --fail-defined --input plan.json --data plan.rego 'data.main.deny[_]'`.
package main

import rego.v1

most_phones := 500

flows := {"appointment-reminder", "welcome"}

sending := {"place", "retry", "deferred"}

deny contains "the plan has a format that this policy does not know" if input.format_version != 1

deny contains sprintf("warning: %s", [warning]) if some warning in input.warnings

deny contains sprintf("%d phones are more than %d", [input.summary.phones, most_phones]) if {
	input.summary.phones > most_phones
}

deny contains sprintf("%s: has no label campaign", [call.reference_id]) if {
	some call in input.calls
	call.action in sending
	not call.labels.campaign
}

deny contains sprintf("%s: its flow was never approved", [call.reference_id]) if {
	some call in input.calls
	call.action in sending
	not call.flow in flows
}
