import re
import resource
import signal
from typing import NoReturn

import pytest

from fakes.registry import FakeRegistry, Fault
from gitops_doca.cli.argocd.for_argocd import MEMORY, describe_bug, for_argocd, memory_limit
from gitops_doca.cli.output.console import LIMIT
from gitops_doca.core.diagnostics import (
    AnswersTooLargeError,
    Category,
    Diagnostic,
    Flag,
    GenerationError,
    spell,
)
from support.application import Application
from support.cli import Result
from support.inputs import Pool, write_inputs

REFRESH = "; Argo CD caches this error, so after that run: argocd app get drivers --hard-refresh"
APP = {"ARGOCD_APP_NAME": "drivers"}
KERNELS = [f"5.15.0-{number}-generic" for number in range(100, 180)]


def online(application: Application, *, published: int, pools: int, fault: Fault | None = None) -> Result:
    """Call the plugin without a lock, on a registry that has the tags of the first pools."""
    folder = application.folder
    wanted = [Pool(kernel=kernel) for kernel in KERNELS[:pools]]
    with FakeRegistry(tags={"nvidia/doca-driver": ["other", *(p.tag for p in wanted[:published])]}) as fake:
        if fault:
            fake.fail_always("head", fault)
            fake.fail_always("get", fault)
        write_inputs(folder, repository=f"{fake.host}/nvidia", pools=wanted, forced=True)
        (folder / "gitops-doca.lock.yaml").unlink()
        application.change("gitops-doca.yaml", "nodes.yaml", "nodes.json")
        return application.generate(env={"GITOPS_DOCA_ALLOWED_REGISTRY": fake.host})


def error(category: Category, message: str = "it is wrong", help: str = "mend it") -> Diagnostic:
    return Diagnostic(category=category, message=message, help=help, details=("one",))


def test_a_missing_image_is_told_in_the_first_sentence_and_how_to_mend_it_in_the_second(
    application: Application,
) -> None:
    result = online(application, published=1, pools=2)

    assert (result.exit_code, result.stdout) == (4, b"")
    first, second, *details = result.stderr.splitlines()
    assert first.startswith(
        "error[missing]: policy.yaml:6: spec.ofedDriver: ForcePrecompiled is enabled and precompiled tag was "
        f"not found: {Pool(kernel=KERNELS[1]).tag} in 127.0.0.1:"
    )
    assert second == (
        "  help: publish or mirror this tag, keep the nodes on a kernel that has one, choose a driver "
        f"version that has it, or set forcePrecompiled: false{REFRESH}"
    )
    assert details[0] == f"  pool ubuntu22.04/{KERNELS[1]}/amd64, 1 node: node-2"


def test_a_registry_that_refuses_is_told_with_the_variable_that_mends_it(application: Application) -> None:
    challenge = (("WWW-Authenticate", 'Basic realm="here"'),)
    result = online(application, published=1, pools=1, fault=Fault(status=401, headers=challenge))

    assert (result.exit_code, result.stdout) == (5, b"")
    assert result.stderr.splitlines()[1] == (
        "  help: give credentials for this repository with GITOPS_DOCA_REGISTRY_CONFIG, then run again; "
        f"no image is chosen on a guess{REFRESH}"
    )


def test_80_missing_images_leave_room_for_the_help_of_the_first(application: Application) -> None:
    result = online(application, published=0, pools=80)

    lines = result.stderr.splitlines()
    assert result.exit_code == 4
    assert len(result.stderr.encode()) <= LIMIT
    assert lines[1].endswith(REFRESH)
    assert lines[-1].endswith("more; gitops-doca check shows all of them")
    assert result.stderr.count("--hard-refresh") == 1


def test_a_miss_that_the_lock_records_needs_a_new_lock_and_no_refresh(application: Application) -> None:
    lock = application.folder / "gitops-doca.lock.yaml"
    text = lock.read_text()
    entry = re.search(r"  - tag: (\S+)\n    digest: \S+\n    platform: \S+\n", text)
    assert entry is not None
    text = text.replace(entry[0], f"  - tag: {entry[1]}\n    missing: true\n")
    lines = text.splitlines(keepends=True)
    lock.write_text("".join(line for line in lines if not line.endswith(f":{entry[1]}\n")))

    result = application.generate()

    assert (result.exit_code, result.stdout) == (4, b"")
    assert "--hard-refresh" not in result.stderr
    assert "once the tag is published, run: gitops-doca lock apps/drivers\n" in result.stderr


def test_warnings_come_behind_errors(application: Application) -> None:
    application.change("policy.yaml", "  tolerations:", "  tolerationz: []\n  tolerations:")
    good = application.generate()
    application.change("gitops-doca.lock.yaml", "kind: DriverLock", "kind: Other")
    bad = application.generate()

    assert good.exit_code == 0
    assert good.stderr.startswith("warning: ")
    assert [line.split(":")[0] for line in bad.stderr.splitlines() if not line.startswith(" ")] == [
        "error[lock]",
        "warning",
    ]


@pytest.mark.parametrize("category", [Category.UNKNOWN, Category.MISSING])
def test_a_refresh_helps_where_the_registry_may_answer_otherwise(category: Category) -> None:
    (told,) = for_argocd((error(category),), APP, online=True)

    assert told.help == "mend it" + REFRESH


@pytest.mark.parametrize("category", [Category.INPUT, Category.LOCK, Category.EMPTY, Category.IO])
def test_a_refresh_helps_no_other_error(category: Category) -> None:
    (told,) = for_argocd((error(category),), APP, online=True)

    assert told.help == "mend it"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("drivers", "drivers"),
        ("team-a_drivers.prod", "team-a/drivers.prod"),
        ("", "APP"),
        ("x; rm -rf /", "APP"),
        ("$(id)", "APP"),
        ("--upsert", "APP"),
        ("Drivers", "APP"),
        ("a" * 300, "APP"),
        ("a\nb", "APP"),
    ],
)
def test_the_applications_name_is_shown_when_it_is_one(name: str, shown: str) -> None:
    (told,) = for_argocd((error(Category.UNKNOWN),), {"ARGOCD_APP_NAME": name}, online=True)

    assert spell(told.help).endswith(f"argocd app get {shown} --hard-refresh")


def test_help_names_the_variables_of_the_sidecar_for_flags() -> None:
    help = ("give --locked, or name it with ", Flag("--ca-file"), " FILE")
    problem = Diagnostic(category=Category.LOCK, message="--ca-file is text here", help=help)

    (told,) = for_argocd((problem,), APP, online=True)

    assert (told.message, told.help) == (
        "--ca-file is text here",
        "give --locked, or name it with GITOPS_DOCA_CA_FILE FILE",
    )


def test_a_bug_is_one_sentence_without_what_the_exception_says(application: Application) -> None:
    def broken(*_options: object) -> NoReturn:
        raise KeyError("canary")

    result = application.generate(resolve="online", connect=broken)

    assert (result.exit_code, result.stdout) == (70, b"")
    assert result.stderr.startswith("error[bug]: gitops-doca ")
    assert "KeyError in test_for_argocd.py:" in result.stderr
    assert "canary" not in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 2


def test_a_bug_without_a_place_is_told_too() -> None:
    assert "ValueError in start" in describe_bug(ValueError("canary"))


def test_the_memory_limit_goes_with_the_run(application: Application) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)

    with memory_limit():
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        assert soft > MEMORY
        assert hard == before[1]
    assert application.generate().exit_code == 0
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@pytest.mark.parametrize(
    ("lacking", "category", "whose", "help"),
    [
        (
            MemoryError(),
            Category.INPUT,
            "the inputs need",
            "split the inventory, or commit what gitops-doca inventory --write makes of it",
        ),
        (
            RuntimeError("can't start new thread"),
            Category.INPUT,
            "the inputs need",
            "split the inventory, or commit what gitops-doca inventory --write makes of it",
        ),
        (
            AnswersTooLargeError("registry", "commit a lock"),
            Category.UNKNOWN,
            "the answers of the registry need",
            "commit a lock",
        ),
        (
            AnswersTooLargeError("API server", "commit the inventory"),
            Category.UNKNOWN,
            "the answers of the API server need",
            "commit the inventory",
        ),
    ],
)
def test_a_lack_of_memory_is_told_by_what_filled_it(
    lacking: Exception, category: Category, whose: str, help: str
) -> None:
    with pytest.raises(GenerationError) as caught, memory_limit():
        raise lacking

    assert caught.value.diagnostics == (
        Diagnostic(
            category=category,
            message=f"{whose} more memory than the 384 MiB that a run has",
            help=help,
        ),
    )


def test_any_other_error_passes_the_memory_limit() -> None:
    with pytest.raises(RuntimeError, match="another"), memory_limit():
        raise RuntimeError("another")


def test_the_time_limit_goes_with_the_run(application: Application) -> None:
    before = signal.getsignal(signal.SIGALRM)

    assert application.generate(env={"GITOPS_DOCA_DEADLINE": "5"}).exit_code == 0
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
