import json
import re
from pathlib import Path
from typing import NoReturn

import pytest
import yaml

from fakes.resolver import FakeResolver
from gitops_doca.core.resolve.lookup import Cause, TagUnknown
from support.cli import Result
from support.command import INPUTS, POOL, prepare, run_pool
from support.inputs import VERSION

CONFIG = "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\nspec:\n"
OUTAGE = TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare(tmp_path)
    return tmp_path


def kinds(result: Result) -> list[str]:
    return [resource["kind"] for resource in yaml.safe_load_all(result.stdout)]


def usage(result: Result) -> str:
    """Return the sentence of a usage error, the only thing told besides where help is."""
    lines = result.stderr.splitlines()
    assert (result.exit_code, result.stdout) == (2, b"")
    assert [
        line[: len(start)] for line, start in zip(lines, ("error[usage]: ", "  help: see "), strict=True)
    ] == [
        "error[usage]: ",
        "  help: see ",
    ]
    return re.sub(r" \(env var: '\w+'\)", "", lines[0].removeprefix("error[usage]: "))


# What comes out


def test_generate_prints_manifests_and_nothing_else(folder: Path) -> None:
    result = run_pool("generate", *INPUTS, cwd=folder)

    assert (result.exit_code, result.stderr, kinds(result)) == (0, "", ["ServiceAccount", "DaemonSet"])


def test_generate_prints_json_when_asked(folder: Path) -> None:
    result = run_pool("generate", *INPUTS, "-o", "json", cwd=folder)

    assert [resource["kind"] for resource in json.loads(result.stdout)["items"]] == [
        "ServiceAccount",
        "DaemonSet",
    ]


def test_check_prints_a_table(folder: Path) -> None:
    result = run_pool("check", *INPUTS, cwd=folder)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode().splitlines() == [
        "POOL                                 POLICY              NODES  STATE        VERSION",
        f"{POOL.name}  nic-cluster-policy  1      precompiled  {VERSION}",
        "",
        "1 pool, 1 node: 1 precompiled",
    ]


@pytest.mark.parametrize("name", ["config", "policy", "report"])
def test_schema_prints_the_schema(name: str, tmp_path: Path) -> None:
    result = run_pool("schema", name, cwd=tmp_path)

    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["$id"] == f"https://gitops-doca.dev/schemas/{name}.schema.json"


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("generate", "--help"), ("--version",)])
def test_help_goes_to_stdout(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = run_pool(*arguments, cwd=tmp_path)

    assert (result.exit_code, result.stderr, len(result.stdout) > 10) == (0, "", True)


def test_verbose_says_more_on_stderr(folder: Path) -> None:
    result = run_pool("generate", *INPUTS, "-v", cwd=folder)

    assert result.stderr == (
        f"info: pool {POOL.name}: precompiled, nvcr.io/nvidia/mellanox/doca-driver:{POOL.tag}, nodes 1\n"
    )
    assert kinds(result) == ["ServiceAccount", "DaemonSet"]


def test_warnings_are_no_failure(folder: Path) -> None:
    policy = (folder / "policy.yaml").read_text().replace("spec:", "spec:\n  tolerationz: []", 1)
    (folder / "policy.yaml").write_text(policy)

    result = run_pool("generate", *INPUTS, cwd=folder)

    assert (result.exit_code, kinds(result)) == (0, ["ServiceAccount", "DaemonSet"])
    assert result.stderr.startswith("warning: policy.yaml:")


# Where settings come from


def test_a_config_in_the_working_directory_is_found(folder: Path) -> None:
    (folder / "gitops-doca.yaml").write_text(
        CONFIG + "  policies: [policy.yaml]\n  inventory: nodes.json\n  namespace: from-file\n"
    )

    assert b"namespace: from-file" in run_pool("generate", cwd=folder).stdout
    assert b"namespace: from-flag" in run_pool("generate", "-n", "from-flag", cwd=folder).stdout


@pytest.mark.parametrize("target", ["sub", "sub/", "sub/gitops-doca.yaml", "sub/other.yaml"])
def test_a_config_is_found_by_its_folder_or_its_name(target: str, folder: Path) -> None:
    (folder / "sub").mkdir()
    for name in ("gitops-doca.yaml", "other.yaml"):
        (folder / "sub" / name).write_text(
            CONFIG + "  policies: [../policy.yaml]\n  inventory: ../nodes.json\n"
        )

    assert kinds(run_pool("generate", target, cwd=folder)) == ["ServiceAccount", "DaemonSet"]


def test_flags_are_relative_to_the_working_directory_though_the_config_is_elsewhere(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "gitops-doca.yaml").write_text(CONFIG + "  namespace: from-file\n")

    assert b"namespace: from-file" in run_pool("generate", "sub", *INPUTS, cwd=folder).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "gitops-doca.yaml: there is no gitops-doca.yaml in this folder"),
        (("-p", "policy.yaml"), "gitops-doca.yaml: there is no gitops-doca.yaml in this folder"),
        (("empty",), "empty/gitops-doca.yaml: there is no gitops-doca.yaml in empty"),
        (("absent.yaml",), "absent.yaml: cannot be read: No such file or directory"),
        (("absent.yaml", *INPUTS), "absent.yaml: cannot be read: No such file or directory"),
    ],
)
def test_a_config_that_is_needed_and_not_there_is_told(
    arguments: tuple[str, ...], message: str, folder: Path
) -> None:
    (folder / "empty").mkdir()
    result = run_pool("generate", *arguments, cwd=folder)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.splitlines()[0] == f"error[input]: {message}"


def test_a_config_without_policies_and_inventory_says_where_to_name_them(folder: Path) -> None:
    (folder / "gitops-doca.yaml").write_text(CONFIG + "  strict: true\n")

    assert run_pool("generate", cwd=folder).stderr.splitlines() == [
        "error[input]: no inventory given",
        "  help: name a file with -i, or under spec.inventory in gitops-doca.yaml",
        "error[input]: no policies given",
        "  help: name a file with -p, or under spec.policies in gitops-doca.yaml",
    ]


def test_standard_input_may_be_the_policy_or_the_inventory(folder: Path) -> None:
    policy, nodes = (folder / "policy.yaml").read_bytes(), (folder / "nodes.json").read_bytes()
    results = (
        run_pool("generate", "-p", "-", "-i", "nodes.json", cwd=folder, stdin=policy),
        run_pool("generate", "-p", "policy.yaml", "-i", "-", cwd=folder, stdin=nodes),
    )

    assert [kinds(result) for result in results] == [["ServiceAccount", "DaemonSet"]] * 2


def test_a_config_may_hold_its_policies(folder: Path) -> None:
    policy = yaml.safe_load((folder / "policy.yaml").read_text())
    config = yaml.safe_load(CONFIG) | {"spec": {"policies": [policy], "inventory": "nodes.json"}}
    (folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))

    assert kinds(run_pool("generate", cwd=folder)) == ["ServiceAccount", "DaemonSet"]


def test_explain_config_says_who_set_what_and_stops(folder: Path) -> None:
    (folder / "gitops-doca.yaml").write_text(
        CONFIG + "  policies: [a.yaml, {kind: x}]\n  annotations: {a/b: c}\n  strict: true\n"
    )
    result = run_pool(
        *("generate", "-i", "b", "-i", "c", "--no-openshift", "--explain-config", "--ca-file", "nodes.json"),
        cwd=folder,
        env={"GITOPS_DOCA_INSECURE_REGISTRY": "a:5000 b", "GITOPS_DOCA_DEADLINE": ""},
    )

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode().splitlines() == [
        "policies              a.yaml (inline)          # gitops-doca.yaml:4",
        "inventory             b c                      # -i",
        (
            "lock                  none                     # default: the registries are asked, since there"
            " is no gitops-doca.lock.yaml"
        ),
        "namespace             nvidia-network-operator  # default",
        "initContainerImage    none                     # default",
        "openshift             false                    # --openshift/--no-openshift",
        "pinDigests            false                    # default",
        "updateStrategy        type=OnDelete            # default",
        "annotations           a/b=c                    # gitops-doca.yaml:5",
        "operatorNames         false                    # default",
        "planned               none                     # default",
        "fallbackVersions      none                     # default",
        "companions            none                     # default",
        "ignoredTaints         none                     # default",
        "emit                  daemonsets               # default",
        "driverLabel           false                    # default",
        "strict                true                     # gitops-doca.yaml:6",
        "allowEmpty            false                    # default",
        "name                  gitops-doca              # default",
        "--registry-config     none                     # default",
        "--pull-secret         none                     # default",
        "--ca-file             nodes.json               # --ca-file",
        "--insecure-registry   a:5000 b                 # GITOPS_DOCA_INSECURE_REGISTRY",
        "--allowed-registry    every registry           # default",
        "--trusted-realm-host  none                     # default",
        "--deadline            120.0                    # default",
    ]


def explained(folder: Path, *words: str, env: dict[str, str] | None = None) -> dict[str, str]:
    result = run_pool(*words, "--explain-config", cwd=folder, env=env)
    assert (result.exit_code, result.stderr) == (0, "")
    return {line.split()[0]: " ".join(line.split()[1:]) for line in result.stdout.decode().splitlines()}


def test_explain_config_says_which_lock_answers_and_why(folder: Path) -> None:
    words = ("generate", *INPUTS)
    none = explained(folder, *words)["lock"]
    asked_for = explained(folder, *words, "--locked")["lock"]
    (folder / "gitops-doca.lock.yaml").write_text("")
    there = explained(folder, *words)["lock"]
    online = explained(folder, *words, "--online")["lock"]
    without_use = explained(folder, "matrix", *INPUTS)["lock"]
    named = explained(folder, *words, "--lock", "l.yaml")["lock"]
    (folder / "gitops-doca.yaml").write_text(CONFIG + "  lock: mine.yaml\n")
    by_config = explained(folder, *words)["lock"]

    assert none == "none # default: the registries are asked, since there is no gitops-doca.lock.yaml"
    assert asked_for == "gitops-doca.lock.yaml # default: the file is not there"
    assert there == "gitops-doca.lock.yaml # default: the file is there"
    assert online == "none # the registries are asked, whatever lock there is"
    assert without_use == online
    assert (named, by_config) == ("l.yaml # --lock", "mine.yaml # gitops-doca.yaml:4")


def test_explain_config_names_the_lock_of_the_folder(folder: Path) -> None:
    cluster = folder / "clusters" / "a"
    cluster.mkdir(parents=True)
    (cluster / "gitops-doca.yaml").write_text(CONFIG + "  policies: [p.yaml]\n  inventory: i.yaml\n")
    (cluster / "gitops-doca.lock.yaml").write_text("")

    lock = explained(folder, "check", "clusters/a")["lock"]

    assert lock == "clusters/a/gitops-doca.lock.yaml # default: the file is there"


@pytest.mark.parametrize(
    ("file", "env", "origin"),
    [
        (".docker/config.json", {"HOME": "{folder}"}, "HOME"),
        ("d/config.json", {"DOCKER_CONFIG": "{folder}/d", "HOME": "{folder}"}, "DOCKER_CONFIG"),
        ("auth", {"REGISTRY_AUTH_FILE": "{folder}/auth"}, "REGISTRY_AUTH_FILE"),
        ("r/containers/auth.json", {"XDG_RUNTIME_DIR": "{folder}/r"}, "XDG_RUNTIME_DIR"),
        (".config/containers/auth.json", {"HOME": "{folder}"}, "HOME"),
        ("c/containers/auth.json", {"XDG_CONFIG_HOME": "{folder}/c"}, "XDG_CONFIG_HOME"),
    ],
)
def test_explain_config_names_the_file_of_credentials_and_shows_none_of_it(
    file: str, env: dict[str, str], origin: str, folder: Path
) -> None:
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text('{"auths": {"nvcr.io": {"auth": "hunter2"}}}')
    environ = {name: text.format(folder=folder) for name, text in env.items()}

    found = explained(folder, "generate", *INPUTS, env=environ)
    flagged = explained(folder, "generate", *INPUTS, "--registry-config", "nodes.json", env=environ)

    assert found["--registry-config"] == f"{folder / file} # {origin}"
    assert "hunter2" not in str(found)
    assert flagged["--registry-config"] == "nodes.json # --registry-config"


def test_explain_config_names_the_certificates_of_the_environment(folder: Path) -> None:
    both = {"REQUESTS_CA_BUNDLE": "/a.pem", "SSL_CERT_FILE": "/b.pem"}

    first = explained(folder, "generate", *INPUTS, env=both)["--ca-file"]
    second = explained(folder, "generate", *INPUTS, env={"SSL_CERT_FILE": "/b.pem"})["--ca-file"]

    assert (first, second) == ("/a.pem # REQUESTS_CA_BUNDLE", "/b.pem # SSL_CERT_FILE")


def test_explain_config_names_the_kubeconfig_of_a_live_run(folder: Path) -> None:
    (folder / ".kube").mkdir()
    for name in (".kube/config", "one", "two"):
        (folder / name).write_text("")
    words = ("check", "-p", "policy.yaml", "--live")
    listed = {"KUBECONFIG": f"{folder}/one:{folder}/absent:{folder}/two", "HOME": str(folder)}

    by_variable = explained(folder, *words, env=listed)["--kubeconfig"]
    by_home = explained(folder, *words, env={"HOME": str(folder)})["--kubeconfig"]
    by_flag = explained(folder, *words, "--kubeconfig", "x", env=listed)["--kubeconfig"]
    none = explained(folder, *words)["--kubeconfig"]

    assert by_variable == f"{folder}/one {folder}/two # KUBECONFIG"
    assert by_home == f"{folder}/.kube/config # HOME"
    assert (by_flag, none) == ("x # --kubeconfig", "none # default")


def test_no_name_of_a_file_gets_at_the_terminal_of_explain_config(folder: Path) -> None:
    (folder / "a\x1b[2J.yaml").write_text(CONFIG + "  policies: [p]\n  inventory: i\n")

    result = run_pool("generate", "a\x1b[2J.yaml", "--explain-config", cwd=folder)

    assert (result.exit_code, b"\x1b" in result.stdout) == (0, False)


# Usage


@pytest.mark.parametrize(
    ("group", "some"), [((), {"generate", "check"}), (("argocd",), {"generate", "parameters"})]
)
def test_without_a_command_all_are_told_in_whole_sentences(
    group: tuple[str, ...], some: set[str], tmp_path: Path
) -> None:
    result = run_pool(*group, cwd=tmp_path)

    head, *commands, help = result.stderr.splitlines()
    assert (result.exit_code, result.stdout) == (2, b"")
    assert head == "error[usage]: a command is needed, one of these"
    assert some <= {line.split()[0] for line in commands}
    assert [line for line in commands if not re.fullmatch(r"  [a-z]+ +[A-Z].*[A-Za-z]\.", line)] == []
    assert help == f"  help: see {' '.join(('gitops-doca', *group))} --help"


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("check", "-p"), "gitops-doca check"),
        (("check", "--locked=x"), "gitops-doca check"),
        (("check", "--polcy", "x"), "gitops-doca check"),
        (("lock", "--deadline"), "gitops-doca lock"),
        (("krm", "--registry-config"), "gitops-doca krm"),
        (("argocd", "--help=x"), "gitops-doca argocd"),
        (("argocd", "parameters", "--x"), "gitops-doca argocd parameters"),
        (("--version=x",), "gitops-doca"),
    ],
)
def test_what_is_wrong_with_a_flag_leads_to_the_help_of_its_command(
    arguments: tuple[str, ...], command: str, tmp_path: Path
) -> None:
    result = run_pool(*arguments, cwd=tmp_path)

    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"  help: see {command} --help")


@pytest.mark.parametrize("group", [(), ("argocd",)])
def test_the_help_cuts_no_sentence(group: tuple[str, ...], tmp_path: Path) -> None:
    result = run_pool(*group, "--help", cwd=tmp_path)

    assert result.exit_code == 0
    assert "..." not in result.stdout.decode().partition("\nCommands:\n")[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("generat",), "No such command 'generat'. Did you mean 'generate'?"),
        (
            ("schema",),
            (
                "Missing argument 'NAME'. "
                "Choose from: config, diff, doctor, inventory, inventory-check, lock, lock-check, matrix, "
                "policy, report, status, upgrade, verification"
            ),
        ),
        (("generate", "--namspace", "x"), "No such option '--namspace'. Did you mean '--namespace'?"),
        (("generate", "a", "b"), "the manifests of several folders need --output-dir"),
        (("generate", "-p"), "Option '-p' requires an argument."),
        (("generate", "-p", "-", "-i", "-"), "stdin can be read only once: use - for one input"),
        (("generate", "-", "-i", "-"), "stdin can be read only once: use - for one input"),
        (
            ("generate", "-n", "A_b"),
            (
                "Invalid value for '-n' / '--namespace': a namespace has "
                "lower-case letters, digits and -, at most 63"
            ),
        ),
        (
            ("generate", "-n", ""),
            (
                "Invalid value for '-n' / '--namespace': a namespace has "
                "lower-case letters, digits and -, at most 63"
            ),
        ),
        (
            ("generate", "--init-container-image", "a b"),
            (
                "Invalid value for '--init-container-image': 'a b' is not a repository name: "
                "lower-case letters and digits, . _ - between them, parts split by /"
            ),
        ),
        (
            ("generate", "--deadline", "0"),
            "Invalid value for '--deadline': 0.0 is not in the range x>0.",
        ),
        (
            ("generate", "--deadline", "inf"),
            "Invalid value for '--deadline': inf is not a number of seconds up to 86400",
        ),
        (
            ("generate", "--deadline", "nan"),
            "Invalid value for '--deadline': nan is not a number of seconds up to 86400",
        ),
        (
            ("generate", "--insecure-registry", "http://a"),
            "Invalid value for '--insecure-registry': 'http://a' is not HOST or HOST:PORT",
        ),
        (
            ("generate", "--insecure-registry", "user:secret@reg.test"),
            "Invalid value for '--insecure-registry': '...@reg.test' is not HOST or HOST:PORT",
        ),
        (
            ("generate", "--trusted-realm-host", "user:secret@reg.test"),
            "Invalid value for '--trusted-realm-host': '...@reg.test' is not HOST or HOST:PORT",
        ),
        (
            ("generate", "--allowed-registry", "user:secret@reg.test"),
            "Invalid value for '--allowed-registry': '...@reg.test' is not HOST[:PORT][/PATH]",
        ),
        (
            ("generate", "--registry-config", "absent"),
            "Invalid value for '--registry-config': File 'absent' does not exist.",
        ),
        (("generate", "--report", "."), "Invalid value for '--report': File '.' is a directory."),
        (
            ("generate", "-o", "xml"),
            "Invalid value for '-o' / '--output': 'xml' is not one of 'yaml', 'json'.",
        ),
        (
            ("schema", "node"),
            (
                "Invalid value for 'NAME': 'node' is not one of "
                "'config', 'diff', 'doctor', 'inventory', 'inventory-check', 'lock', 'lock-check', "
                "'matrix', 'policy', 'report', 'status', 'upgrade', 'verification'."
            ),
        ),
    ],
)
def test_a_usage_error_is_one_sentence(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    assert usage(run_pool(*arguments, cwd=tmp_path)) == message


def test_a_wrong_environment_variable_is_named(tmp_path: Path) -> None:
    result = run_pool("check", cwd=tmp_path, env={"GITOPS_DOCA_DEADLINE": "soon"})

    assert (result.exit_code, result.stderr.splitlines()[0]) == (
        2,
        (
            "error[usage]: Invalid value for '--deadline' (env var: 'GITOPS_DOCA_DEADLINE'): "
            "'soon' is not a valid float range."
        ),
    )


# Exit codes, and what stays empty


def failing(folder: Path, resolver: FakeResolver, command: str) -> Result:
    prepare(folder)
    return run_pool(command, *INPUTS, "--report", "report.json", cwd=folder, connect=resolver)


@pytest.mark.parametrize(
    ("resolver", "code", "word"),
    [(FakeResolver(), 4, "missing"), (FakeResolver(faults={POOL.tag: OUTAGE}), 5, "unknown")],
)
def test_a_pool_without_image_gives_no_manifests_but_a_table_and_a_report(
    resolver: FakeResolver, code: int, word: str, tmp_path: Path
) -> None:
    generated = failing(tmp_path, resolver, "generate")
    assert (generated.exit_code, generated.stdout) == (code, b"")
    assert generated.stderr.startswith(f"error[{word}]: ")
    report = json.loads((tmp_path / "report.json").read_text())
    assert [pool["state"] for pool in report["pools"]] == [word]
    assert [found["class"] for found in report["diagnostics"]] == [word]

    checked = failing(tmp_path, resolver, "check")
    assert (checked.exit_code, checked.stderr) == (code, generated.stderr)
    assert f"1 pool, 1 node: 1 {word}" in checked.stdout.decode()


@pytest.mark.parametrize("command", ["generate", "check"])
def test_input_errors_end_a_run_before_anyone_is_asked(command: str, folder: Path) -> None:
    resolver = FakeResolver()
    (folder / "more.yaml").write_text("kind: 5\n")

    result = run_pool(
        command, *INPUTS, "-i", "more.yaml", "--report", "report.json", cwd=folder, connect=resolver
    )

    assert (result.exit_code, result.stdout, resolver.asked) == (3, b"", [])
    report = json.loads((folder / "report.json").read_text())
    assert report == {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverReport",
        "clusters": [{"cluster": ".", "exitCode": 3}],
        "pools": [],
        "companions": [],
        "progress": [],
        "unusedFallbacks": [],
        "unusedCompanions": [],
        "skipped": [],
        "obsoletePlans": [],
        "diagnostics": [
            {
                "severity": "error",
                "class": "input",
                "message": "is not a Kubernetes object with apiVersion and kind",
                "file": "more.yaml",
                "line": 1,
                "help": "give what kubectl get nodes -o yaml (or -o json) prints",
            }
        ],
    }


@pytest.mark.parametrize("command", ["generate", "check"])
def test_nothing_to_render_is_an_error_of_its_own(command: str, folder: Path) -> None:
    (folder / "nodes.json").write_text('{"apiVersion": "v1", "kind": "List", "items": []}')

    result = run_pool(command, *INPUTS, cwd=folder)

    assert (result.exit_code, result.stdout) == (7, b"")
    assert result.stderr.splitlines()[0] == "error[empty]: nothing to render: the inventory has no node"


def test_allow_empty_prints_an_empty_document(folder: Path) -> None:
    (folder / "nodes.json").write_text('{"apiVersion": "v1", "kind": "List", "items": []}')
    (folder / "gitops-doca.yaml").write_text(CONFIG + "  allowEmpty: true\n")

    result = run_pool("generate", *INPUTS, cwd=folder)

    assert (result.exit_code, result.stdout, result.stderr) == (0, b"", "")


def test_a_bug_ends_with_70_and_a_traceback(folder: Path) -> None:
    def broken(*_options: object) -> NoReturn:
        raise ZeroDivisionError("a bug")

    result = run_pool("generate", *INPUTS, cwd=folder, connect=broken)

    assert (result.exit_code, result.stdout) == (70, b"")
    first, *trace = result.stderr.splitlines()
    assert first == "error[bug]: gitops-doca failed in a way that it should not; please report it"
    assert (trace[0], trace[-1]) == ("Traceback (most recent call last):", "ZeroDivisionError: a bug")


def test_an_interrupt_ends_with_130(folder: Path) -> None:
    def interrupt(*_options: object) -> NoReturn:
        raise KeyboardInterrupt

    result = run_pool("generate", *INPUTS, cwd=folder, connect=interrupt)

    assert (result.exit_code, result.stdout, result.stderr) == (130, b"", "\ninterrupted\n")


# The report


def test_a_report_is_written_beside_the_manifests(folder: Path) -> None:
    result = run_pool("generate", *INPUTS, "--report", "report.json", cwd=folder)

    assert (result.exit_code, kinds(result)) == (0, ["ServiceAccount", "DaemonSet"])
    assert [pool["tag"] for pool in json.loads((folder / "report.json").read_text())["pools"]] == [POOL.tag]


@pytest.mark.parametrize("command", ["generate", "check"])
def test_a_report_that_cannot_be_written_leaves_stdout_empty(command: str, folder: Path) -> None:
    result = run_pool(command, *INPUTS, "--report", "absent/report.json", cwd=folder)

    assert (result.exit_code, result.stdout, result.stderr) == (
        74,
        b"",
        "error[io]: absent/report.json could not be written: No such file or directory\n",
    )


def test_a_report_that_cannot_be_written_hides_no_other_error(tmp_path: Path) -> None:
    prepare(tmp_path)
    report = ("--report", "absent/report.json")

    missing = run_pool("generate", *INPUTS, *report, cwd=tmp_path, connect=FakeResolver())
    unreadable = run_pool("generate", "-p", "x", "-i", "y", *report, cwd=tmp_path)

    assert (missing.exit_code, unreadable.exit_code) == (4, 3)
    for result, first in ((missing, "missing"), (unreadable, "input")):
        found = [line for line in result.stderr.splitlines() if line.startswith("error")]
        assert found[0].startswith(f"error[{first}]: ")
        assert found[-1].startswith("error[io]: ")


def test_a_file_whose_name_is_no_text_goes_into_a_report(folder: Path) -> None:
    result = run_pool("generate", "-p", "\udcff", "-i", "nodes.json", "--report", "r.json", cwd=folder)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert json.loads((folder / "r.json").read_text())["diagnostics"][0]["file"] == "\udcff"
