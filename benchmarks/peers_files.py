"""What the peers are given to do."""

from __future__ import annotations

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
