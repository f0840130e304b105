import pytest

from gitops_doca.core.distributions import (
    DISTRIBUTIONS,
    are_names_of_red_hat,
    is_openshift,
    kernel_release,
    rhel_release,
    without_machine,
)


def test_each_distribution_has_a_folder_for_certificates_and_one_for_repositories() -> None:
    folders = {name: (system.certificates, system.repositories) for name, system in DISTRIBUTIONS.items()}

    assert folders == {
        "ubuntu": ("/usr/local/share/ca-certificates", "/etc/apt/sources.list.d"),
        "rhel": ("/etc/pki/ca-trust/extracted/pem", "/etc/yum.repos.d"),
        "rhcos": ("/etc/pki/ca-trust/extracted/pem", "/etc/yum.repos.d"),
        "rocky": ("/etc/pki/ca-trust/extracted/pem", "/etc/yum.repos.d"),
        "sles": ("/etc/ssl", "/etc/zypp/repos.d"),
    }


def test_only_rhel_and_sles_have_a_subscription_of_the_host() -> None:
    assert [name for name, system in DISTRIBUTIONS.items() if system.subscription] == ["rhel", "sles"]


def test_only_rhcos_shows_openshift() -> None:
    assert [name for name in (*DISTRIBUTIONS, "debian") if is_openshift(name)] == ["rhcos"]


@pytest.mark.parametrize(
    ("os_id", "other", "same"),
    [
        ("rhel", "rhcos", True),
        ("rhcos", "rhel", True),
        ("rhel", "rhel", False),
        ("rhel", "rocky", False),
        ("debian", "debian", False),
    ],
)
def test_rhel_and_rhcos_are_two_names_of_one_system(os_id: str, other: str, *, same: bool) -> None:
    assert are_names_of_red_hat(os_id, other) is same


@pytest.mark.parametrize(
    ("os_id", "version", "kernel", "release"),
    [
        ("rhel", "9.4", "5.14.0-427.el9_2.x86_64", ("9", "4")),
        ("rhel", "9", "5.14.0-427.el9_2.x86_64", ("9", "2")),
        ("rhcos", "4.16", "5.14.0-427.el9_4.x86_64", ("9", "4")),
        ("rhcos", "4.16", "5.14.0-1", None),
    ],
)
def test_the_release_of_rhel_is_told_by_its_version_or_its_kernel(
    os_id: str, version: str, kernel: str, release: tuple[str, str] | None
) -> None:
    assert rhel_release(os_id, version, kernel) == release


def test_a_variant_of_an_rpm_kernel_has_a_plus_sign_before_it() -> None:
    assert kernel_release("5.14.0-427.el9_4.aarch64_64k") == "5.14.0-427.el9_4.aarch64+64k"


def test_a_kernel_is_the_same_without_machine_and_page_size() -> None:
    assert without_machine("5.14.0-427.el9_4.aarch64_64k") == "5.14.0-427.el9_4"
