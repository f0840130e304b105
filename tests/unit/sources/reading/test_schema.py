import difflib
import json
from typing import Any

import pytest

from gitops_doca.core.diagnostics import MOST_OF_A_FILE, Place, Problems
from gitops_doca.core.model import PlannedPool, Platform
from gitops_doca.sources.planned_pools import check_policies
from gitops_doca.sources.reading.document import Document
from gitops_doca.sources.reading.schema import SCHEMAS, did_you_mean, schema_text, validate
from support.reading import document, lines

HEAD = """\
apiVersion: mellanox.com/v1alpha1
kind: NicClusterPolicy
metadata:
  name: nic-cluster-policy
spec:
  ofedDriver:
    image: doca-driver
"""


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms"


def policy(driver: str = "", spec: str = "") -> list[str]:
    """Validate a cluster policy with these lines; lines of `driver` begin at 8, without the file's name."""
    text = HEAD + "".join(f"    {line}\n" for line in driver.splitlines())
    return check(text + "".join(f"  {line}\n" for line in spec.splitlines()), "policy")


def config(spec: str) -> list[str]:
    """Validate a config; lines of `spec` begin at 4."""
    head = "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\nspec:\n"
    return check(head + "".join(f"  {line}\n" for line in spec.splitlines()), "config")


def check(text: str, name: str) -> list[str]:
    problems = Problems()
    valid = validate(document(text), name, problems)
    assert valid == (not problems.errors)
    return [line.removeprefix("in.yaml:") for line in lines(problems)]


def test_a_plain_policy_is_valid() -> None:
    assert policy() == []


NO_ANNOTATION = "not an annotation's name outside gitops-doca.dev/ and the operator's"


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas_of_their_draft(name: str) -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(json.loads(schema_text(name)))


@pytest.mark.parametrize(
    ("driver", "message"),
    [
        (
            "forcePrecompild: true",
            "forcePrecompild: unknown field 'forcePrecompild'; did you mean 'forcePrecompiled'?",
        ),
        (
            "forceprecompiled: true",
            "forceprecompiled: unknown field 'forceprecompiled'; did you mean 'forcePrecompiled'?",
        ),
        ("xyzzy: 1", "xyzzy: unknown field 'xyzzy'"),
        (
            "version: 24.10",
            (
                "version: 24.10 is a number to YAML, not a driver version such as "
                '25.04-0.6.1.0-2; put it in quotes: version: "24.10"'
            ),
        ),
        (
            "repository: on",
            'repository: on is true or false to YAML, not a string; put it in quotes: repository: "on"',
        ),
        ("repository: ''", "repository: '' is not at least 1 characters long"),
        ("forcePrecompiled: 'true'", "forcePrecompiled: 'true' is not true or false"),
        ("forcePrecompiled: {secret: hunter2}", "forcePrecompiled: a mapping is not true or false"),
        ("forcePrecompiled: [hunter2]", "forcePrecompiled: a list is not true or false"),
        ("terminationGracePeriodSeconds: -1", "terminationGracePeriodSeconds: -1 is not at least 0"),
        ("terminationGracePeriodSeconds: 1.0", "terminationGracePeriodSeconds: 1.0 is not a whole number"),
        ("terminationGracePeriodSeconds: 1e3", "terminationGracePeriodSeconds: 1e3 is not a whole number"),
        (
            "terminationGracePeriodSeconds: 0x8000000000000000",
            "terminationGracePeriodSeconds: 0x8000000000000000 is not at most 9223372036854775807",
        ),
        (
            "startupProbe: {initialDelaySeconds: 1, periodSeconds: 1, timeoutSeconds: 2147483648}",
            "startupProbe.timeoutSeconds: 2147483648 is not at most 2147483647",
        ),
        (
            "startupProbe: {initialDelaySeconds: 1, periodSeconds: 1, periodSecond: 1}",
            "startupProbe.periodSecond: unknown field 'periodSecond'; did you mean 'periodSeconds'?",
        ),
        ("imagePullSecrets: [A_b]", "imagePullSecrets[0]: 'A_b' is not the name of a Secret"),
        ('imagePullSecrets: ["a\\n"]', "imagePullSecrets[0]: 'a\\n' is not the name of a Secret"),
        ("imagePullSecrets: pull", "imagePullSecrets: 'pull' is not a list"),
        (
            "imagePullSecrets: [5]",
            ('imagePullSecrets[0]: 5 is a number to YAML, not the name of a Secret; put it in quotes: "5"'),
        ),
        ("containerResources: [{}]", "containerResources[0]: the field 'name' is required"),
        (
            "livenessProbe: {initialDelaySeconds: 10, failureThreshold: 20}",
            "livenessProbe: the field 'periodSeconds' is required",
        ),
        ("certConfig: {nme: a}", "certConfig.nme: unknown field 'nme'; did you mean 'name'?"),
        ("certConfig: certs", "certConfig: 'certs' is not a mapping"),
        (
            "repoConfig: {name: 5}",
            'repoConfig.name: 5 is a number to YAML, not a string; put it in quotes: name: "5"',
        ),
        (
            "upgradePolicy: {autoUpgrde: true}",
            "upgradePolicy.autoUpgrde: unknown field 'autoUpgrde'; did you mean 'autoUpgrade'?",
        ),
        (
            "upgradePolicy: {drain: {deleteEmptydir: true}}",
            (
                "upgradePolicy.drain.deleteEmptydir: unknown field 'deleteEmptydir'; "
                "did you mean 'deleteEmptyDir'?"
            ),
        ),
        (
            "upgradePolicy: {waitForCompletion: {timeout: 1}}",
            (
                "upgradePolicy.waitForCompletion.timeout: unknown field 'timeout'; "
                "did you mean 'timeoutSeconds'?"
            ),
        ),
        (
            "upgradePolicy: {maxParallelUpgrades: -1}",
            "upgradePolicy.maxParallelUpgrades: -1 is not at least 0",
        ),
        ("upgradePolicy: {drain: {enable: 1}}", "upgradePolicy.drain.enable: 1 is not true or false"),
        ("upgradePolicy: true", "upgradePolicy: true is not a mapping"),
        ("tolerations: []", "tolerations: unknown field 'tolerations'; it belongs under spec"),
        ("nodeAffinity: {}", "nodeAffinity: unknown field 'nodeAffinity'; it belongs under spec"),
        ("nodeSelector: {a: b}", "nodeSelector: unknown field 'nodeSelector'"),
        (
            "autoUpgrade: true",
            "autoUpgrade: unknown field 'autoUpgrade'; it belongs under spec.ofedDriver.upgradePolicy",
        ),
        (
            "upgradePolicy: {deleteEmptyDir: true}",
            (
                "upgradePolicy.deleteEmptyDir: unknown field 'deleteEmptyDir'; "
                "it belongs under spec.ofedDriver.upgradePolicy.drain"
            ),
        ),
        (
            "startupProbe: {initialDelaySeconds: 1, periodSeconds: 1, terminationGracePeriodSeconds: 1}",
            (
                "startupProbe.terminationGracePeriodSeconds: unknown field 'terminationGracePeriodSeconds'; "
                "it belongs under spec.ofedDriver"
            ),
        ),
        (
            "containerResources: [{name: mofed-container, limits: {cpu: 0.5}}]",
            (
                "containerResources[0].limits.cpu: 0.5 is a number to YAML, not a whole number or a quantity "
                'such as 200m or 1Gi; put it in quotes: cpu: "0.5"'
            ),
        ),
        (
            "containerResources: [{name: mofed-container, requests: {memory: true}}]",
            (
                "containerResources[0].requests.memory: true is true or false to YAML, not a whole number "
                'or a quantity such as 200m or 1Gi; put it in quotes: memory: "true"'
            ),
        ),
        (
            "env: [{name: A, valueFrom: {secretKeyRef: {name: s}}}]",
            "env[0].valueFrom.secretKeyRef: the field 'key' is required",
        ),
        (
            "env: [{name: A, valueFrom: {configMapKeyRef: {key: k}}}]",
            "env[0].valueFrom.configMapKeyRef: the field 'name' is required",
        ),
        (
            "env: [{name: A, valueFrom: {secretKeyRef: {name: '', key: k}}}]",
            "env[0].valueFrom.secretKeyRef.name: the value is not a name",
        ),
        (
            "env: [{name: A, valueFrom: {fieldRef: {fieldPath: a}, secretKeyRef: {name: s, key: k}}}]",
            "env[0].valueFrom: the value is not a mapping with exactly one source",
        ),
        (
            "env: [{name: A, valueFrom: {}}]",
            "env[0].valueFrom: the value is not a mapping with exactly one source",
        ),
        ("env: [~]", "env[0]: the value is not a mapping"),
        ("imagePullSecrets: [~]", "imagePullSecrets[0]: nothing is not the name of a Secret"),
        (
            "imagePullSecrets: ['{{ .Values.secret }}']",
            "imagePullSecrets[0]: '{{ .Values.secret }}' looks like a template that was not rendered",
        ),
        (
            "forcePrecompiled: ${FORCE}",
            "forcePrecompiled: '${FORCE}' looks like a template that was not rendered",
        ),
        (
            "containerResources: [{name: mofed-container, limits: {cpu: 1 core}}]",
            (
                "containerResources[0].limits.cpu: '1 core' is not a whole number or a quantity such as "
                "200m or 1Gi"
            ),
        ),
        (f"version: {{a: {'x' * 9}}}", "version: a mapping is not a driver version such as 25.04-0.6.1.0-2"),
        (f"forcePrecompiled: {'x' * 200}", f"forcePrecompiled: '{'x' * 120}...' is not true or false"),
    ],
)
def test_what_a_driver_field_may_not_be_is_told(driver: str, message: str) -> None:
    assert policy(driver) == [f"8: spec.ofedDriver.{message}"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "tolerations: [{operator: Equal}]",
            "tolerations[0]: a toleration without key needs operator Exists",
        ),
        ("tolerations: [{value: a}]", "tolerations[0]: a toleration without key needs operator Exists"),
        (
            "tolerations: [{key: a, operator: Exists, value: b}]",
            "tolerations[0].value: 'b' is not empty, as it must be beside operator Exists",
        ),
        (
            "tolerations: [{key: a, operator: exists}]",
            "tolerations[0].operator: 'exists' is not Exists or Equal; did you mean 'Exists'?",
        ),
        (
            "tolerations: [{key: a, effect: NoRun}]",
            "tolerations[0].effect: 'NoRun' is not NoSchedule, PreferNoSchedule or NoExecute",
        ),
        (
            "tolerations: [{key: a, effect: NoSchedule, tolerationSeconds: 5}]",
            "tolerations[0].effect: 'NoSchedule' is not NoExecute",
        ),
        ("tolerations: [{key: a, tolerationSeconds: 5}]", "tolerations[0]: the field 'effect' is required"),
        (
            "tolerations: [{ky: a, operator: Exists}]",
            "tolerations[0].ky: unknown field 'ky'; did you mean 'key'?",
        ),
        ("tolerations: {key: a}", "tolerations: a mapping is not a list"),
        (
            "nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {}}",
            (
                "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution: "
                "the field 'nodeSelectorTerms' is required"
            ),
        ),
        (
            "nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: []}}",
            (
                "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: "
                "a list is not at least 1 items long"
            ),
        ),
        (
            "global: {imagePullSecret: [ngc]}",
            "global.imagePullSecret: unknown field 'imagePullSecret'; did you mean 'imagePullSecrets'?",
        ),
        (
            "global: {image: doca-driver}",
            "global.image: unknown field 'image'; it belongs under spec.ofedDriver",
        ),
        ("global: {whatever: 1}", "global.whatever: unknown field 'whatever'"),
        (
            "nodeAffinity: {tolerations: []}",
            "nodeAffinity.tolerations: unknown field 'tolerations'; it belongs under spec",
        ),
        (
            f"nodeAffinity: {{{REQUIRED}: [{{matchExpressions: [{{key: a, operator: In}}]}}]}}}}",
            (
                "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
                ".matchExpressions[0]: the field 'values' is required"
            ),
        ),
        (
            (
                f"nodeAffinity: {{{REQUIRED}: "
                "[{matchExpressions: [{key: a, operator: Exists, values: [b]}]}]}}"
            ),
            (
                "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
                ".matchExpressions[0].values: a list is not empty, "
                "as it must be beside Exists and DoesNotExist"
            ),
        ),
        (
            f"nodeAffinity: {{{REQUIRED}: [{{matchFields: [{{key: a, operator: In, values: [b]}}]}}]}}}}",
            (
                "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
                ".matchFields[0].key: 'a' is not metadata.name"
            ),
        ),
        ("nodeAffinity: {podAffinity: {}}", "nodeAffinity.podAffinity: unknown field 'podAffinity'"),
        (
            (
                "nodeAffinity: "
                "{preferredDuringSchedulingIgnoredDuringExecution: [{weight: 101, preference: {}}]}"
            ),
            "nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: 101 is not at most 100",
        ),
        (
            "global: {version: 24.10}",
            (
                "global.version: 24.10 is a number to YAML, not a driver version such "
                'as 25.04-0.6.1.0-2; put it in quotes: version: "24.10"'
            ),
        ),
    ],
)
def test_what_a_section_of_the_spec_may_not_be_is_told(spec: str, message: str) -> None:
    assert policy(spec=spec) == [f"8: spec.{message}"]


@pytest.mark.parametrize(
    "spec",
    [
        "tolerations: [{operator: Exists}]",
        "tolerations: [{key: a, operator: '', value: b, effect: ''}]",
        "tolerations: [{key: a, effect: NoExecute, tolerationSeconds: -1}]",
        "nvIpam: {anything: [goes, 1]}",
        "global: {repository: '', version: '', imagePullSecrets: []}",
    ],
)
def test_what_kubernetes_takes_is_valid(spec: str) -> None:
    assert policy(spec=spec) == []


@pytest.mark.parametrize(
    "env",
    [
        "env: hunter2",
        "env: [hunter2]",
        "env: [[hunter2]]",
        "env: {PASSWORD: hunter2}",
        "env: [{name: PASSWORD=hunter2}]",
        "env: [{name: 12345678}]",
        "env: [{name: P, value: 12345678}]",
        "env: [{name: P, value: [hunter2]}]",
        "env: [{name: P, value: {a: hunter2}}]",
        "env: [{name: P, value: true}]",
        "env: [{name: P, valueFrom: hunter2}]",
        "env: [{name: P, valueFrom: {secretKeyRef: hunter2}}]",
        "env: [{name: P, valueFrom: {secretKeyRef: {name: s, key: [hunter2]}}}]",
        "env: [{name: P, value: hunter2, valueFrom: {fieldRef: {fieldPath: x}}}]",
        "env: [{value: hunter2}]",
        "env: [{name: P, vaule: hunter2}]",
    ],
)
def test_nothing_of_the_environment_is_quoted(env: str) -> None:
    found = policy(env)

    assert len(found) == 1
    assert not {word for word in ("hunter2", "12345678") if word in found[0]}


def test_an_environment_value_that_is_a_number_is_told_with_its_place() -> None:
    assert policy("env:\n- name: P\n  value: 12345678\n- name: Q\n  value: on") == [
        "10: spec.ofedDriver.env[0].value: the value is a number to YAML, not a string; put it in quotes",
        (
            "12: spec.ofedDriver.env[1].value: the value is true or "
            "false to YAML, not a string; put it in quotes"
        ),
    ]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("polices: [a]", "polices: unknown field 'polices'; did you mean 'policies'?"),
        ("policies: []", "policies: a list is not a path, or a list of paths or policies"),
        ("policies: ''", "policies: '' is not a path, or a list of paths or policies"),
        ("policies: {a: b}", "policies: a mapping is not a path, or a list of paths or policies"),
        (
            "policies: 5",
            (
                "policies: 5 is a number to YAML, not a path, or a list of paths or policies; "
                'put it in quotes: policies: "5"'
            ),
        ),
        ("inventory: {a: b}", "inventory: a mapping is not a path or a list of paths"),
        (
            "namespace: A_b",
            "namespace: 'A_b' is not a namespace: lower-case letters, digits and -, at most 63",
        ),
        (
            'namespace: "a\\n"',
            "namespace: 'a\\n' is not a namespace: lower-case letters, digits and -, at most 63",
        ),
        ("openshift: 'true'", "openshift: 'true' is not auto, true or false"),
        (
            "updateStrategy: {type: Recreate}",
            "updateStrategy.type: 'Recreate' is not OnDelete or RollingUpdate",
        ),
        ("updateStrategy: {type: RollingUpdate}", "updateStrategy: the field 'maxUnavailable' is required"),
        (
            "updateStrategy: {type: OnDelete, maxUnavailable: 1}",
            "updateStrategy.maxUnavailable: 1 is not allowed beside OnDelete",
        ),
        (
            "updateStrategy: {type: RollingUpdate, maxUnavailable: 0}",
            "updateStrategy.maxUnavailable: 0 is not a number of nodes from 1, or a percentage such as 10%",
        ),
        (
            "updateStrategy: {type: RollingUpdate, maxUnavailable: 101%}",
            (
                "updateStrategy.maxUnavailable: '101%' is not a number of "
                "nodes from 1, or a percentage such as 10%"
            ),
        ),
        (
            "annotations: {a b: c}",
            f"annotations[a b]: the key is {NO_ANNOTATION}",
        ),
        (
            "annotations: {'{{ x }}': c}",
            f"annotations[{{{{ x }}}}]: the key is {NO_ANNOTATION}",
        ),
        ("namespace: '{{ x }}'", "namespace: '{{ x }}' looks like a template that was not rendered"),
        (
            "annotations: {gitops-doca.dev/pool: c}",
            f"annotations[gitops-doca.dev/pool]: the key is {NO_ANNOTATION}",
        ),
        (
            "annotations: {a: 1}",
            'annotations.a: 1 is a number to YAML, not a string; put it in quotes: a: "1"',
        ),
        ("strict: 'no'", "strict: 'no' is not true or false"),
    ],
)
def test_what_a_config_may_not_hold_is_told(spec: str, message: str) -> None:
    assert config(spec) == [f"4: spec.{message}"]


def test_all_problems_are_told_in_the_order_of_their_lines() -> None:
    found = policy("version: 1\nforce: 1\nrepository: 2", "tolerations: 3")

    assert [line.partition(" ")[0] for line in found] == ["8:", "9:", "10:", "11:"]


def test_a_document_of_another_kind_is_told() -> None:
    assert check("apiVersion: v1\nkind: [a]\n", "policy") == [
        "1: the field 'metadata' is required",
        "1: apiVersion: 'v1' is not mellanox.com/v1alpha1",
        "2: kind: a list is not NicClusterPolicy or NicNodePolicy",
    ]


def test_a_node_policy_takes_no_global_and_a_short_name() -> None:
    text = HEAD.replace("NicClusterPolicy", "NicNodePolicy").replace("nic-cluster-policy", "n" * 31)

    assert check(text + "  nodeSelector: {rack: a b}\n", "policy") == [
        f"4: metadata.name: {'n' * 31!r} is not at most 30 characters, as the operator's webhook demands",
        "8: spec.nodeSelector.rack: 'a b' is not a label's value",
    ]


@pytest.mark.parametrize(
    ("word", "hint"),
    [("nodeselector", "; did you mean 'nodeSelector'?"), ("xyz", ""), ("x" * 100_000, "")],
)
def test_only_a_word_that_is_near_is_proposed(word: str, hint: str) -> None:
    assert did_you_mean(word, ["nodeSelector", "tolerations"]) == hint


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the words for which something near is searched."""
    words: list[str] = []
    search = difflib.get_close_matches

    def counted(word: str, *args: Any, **more: Any) -> list[str]:
        words.append(word)
        return search(word, *args, **more)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    return words


@pytest.mark.parametrize("count", [1, 100, 101, 250_000])
def test_of_very_many_unknown_fields_the_first_are_told_and_the_others_counted(
    count: int, searches: list[str]
) -> None:
    fields = {f"missing{number:06}": 1 for number in range(count)}
    entry = {"tag": "a-amd64", "missing": True, **fields}
    value = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverLock",
        "pools": [],
        "repositories": [{"repository": "nvcr.io/x", "tags": [entry]}],
    }
    problems = Problems()

    assert not validate(Document(value, "lock.yaml", 1), "lock", problems)

    told = [problem.message for problem in problems if not problem.more]
    assert told[0] == "unknown field 'missing000000'; did you mean 'missing'?"
    assert (len(told), sum(problem.more for problem in problems)) == (min(count, 100), max(0, count - 100))
    assert len(searches) == len(told)


def test_of_very_many_broken_documents_the_first_are_told_and_the_others_counted(
    searches: list[str],
) -> None:
    problems = Problems()
    for line in range(1, MOST_OF_A_FILE + 2001):
        driver = {"image": "x", "repository": "x", "version": "1.0", "forcePrecompild": True}
        value = {
            "apiVersion": "mellanox.com/v1alpha1",
            "kind": "NicClusterPolicy",
            "metadata": {"name": "nic-cluster-policy"},
            "spec": {"ofedDriver": driver},
        }
        assert not validate(Document(value, "policies.yaml", line), "policy", problems)

    messages = [problem.message for problem in problems]
    unknown = "unknown field 'forcePrecompild'"
    assert messages[0] == f"{unknown}; did you mean 'forcePrecompiled'?"
    assert messages[-2:] == [unknown, "2,000 more problems of this file are not shown"]
    assert len(searches) == 20


def test_very_many_plans_for_unknown_policies_search_a_few_times(searches: list[str]) -> None:
    problems = Problems()
    platform = Platform("ubuntu", "22.04", "5.15.0-91-generic", "amd64")
    plans = [
        PlannedPool(
            platform=platform,
            container_runtime="",
            ostree_version="",
            policies=frozenset({f"storage{number}"}),
            place=Place("gitops-doca.yaml", number),
            places={},
        )
        for number in range(5000)
    ]

    check_policies(plans, ["storage", "compute"], problems)

    assert len(searches) == 20
    assert len(problems.errors) == MOST_OF_A_FILE + 1
