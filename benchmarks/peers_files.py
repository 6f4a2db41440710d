"""What the peers are given to do."""

from __future__ import annotations

from typing import Any

OCTODNS = """\
providers:
  config: {class: octodns.provider.yaml.YamlProvider, directory: ./config, enforce_order: false}
  target: {class: octodns.provider.yaml.YamlProvider, directory: ./target}
zones:
  example.com.: {sources: [config], targets: [target]}
"""
ANSIBLE = """\
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.uri:
        url: "{{ api }}/FlowBuilder"
        method: POST
        body_format: json
        body:
          instruction-id: "reminder-{{ item }}"
          callee: "+888{{ 10000000000 + item * 7919 }}"
          caller: "+442079460000"
          callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
          flow-variables: {patient: "Patient {{ item }}", when: Monday at 9, minutes: 15}
          voicemail-response: Stop
      loop: "{{ range(count | int) | list }}"
"""
TERRAFORM = """\
resource "terraform_data" "call" {
  for_each = { for row in csvdecode(file("appointments.csv")) : row.id => row }
  input = {
    instruction-id = "reminder-${each.value.id}"
    callee         = each.value.phone
    caller         = "+442079460000"
    flow-variables = {
      patient = trimspace(each.value.name)
      when    = each.value.when
      place   = "Acme Clinics, ${each.value.street}"
      minutes = tonumber(each.value.minutes)
    }
  }
}
"""


def collection(address: str) -> dict[str, Any]:
    """A collection for newman: one POST, with the values of a row."""
    body = """{
      "instruction-id": "reminder-{{id}}", "callee": "{{phone}}", "caller": "+442079460000",
      "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
      "flow-variables": {"patient": "{{name}}", "when": "{{when}}", "minutes": 15}, "voicemail-response": "Stop"
    }"""
    request = {
        "method": "POST",
        "header": [{"key": "Content-Type", "value": "application/json"}],
        "url": f"{address}/FlowBuilder",
        "body": {"mode": "raw", "raw": body},
    }
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    return {"info": {"name": "calls", "schema": schema}, "item": [{"name": "place", "request": request}]}
