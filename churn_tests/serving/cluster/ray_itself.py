"""A process of its own that imports Ray, with the environment that we start it in, and writes down what Ray makes.

Ray reads its environment when it is imported, and tests that start a cluster must be the first to import it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from churn_assets.adapters.home import PROJECT_ROOT, Home
from churn_assets.adapters.serving_settings import ServingSettings
from churn_serving.cluster.application import NAME
from churn_serving.cluster.environment import RuntimeFolders, _variables
from churn_serving.places import ServingPlaces

FRONTEND, REPLICAS, FALLBACK = 18_000, (18_001, 18_002), 18_003
"""Ports in the configurations that Ray renders; who runs one puts free ones in their place."""
VARIANTS = ("before an application", "with replicas", "with replicas and a fallback", "while it drains")


def ask_ray(folder: Path, declarations: dict[str, Any]) -> None:
    """Let Ray render HAProxy's configurations, a file a variant, and read declarations, into a folder."""
    (folder / "declarations.json").write_text(json.dumps(declarations))
    command = [sys.executable, "-m", "churn_tests.serving.cluster.ray_itself", str(folder)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def configuration_of(folder: Path, variant: str) -> Path:
    """Return where a variant's configuration lies."""
    return folder / variant.replace(" ", "-") / "haproxy.cfg"


def main() -> None:
    """Do what `ask_ray` asks."""
    folder = Path(sys.argv[1])
    folders = RuntimeFolders(folder)
    os.environ.update(_variables(ServingPlaces(Home(folder / "home")), ServingSettings(), folders))
    for variant in VARIANTS:
        _render(folder, variant)
    _validate(folder)


def _render(folder: Path, variant: str) -> None:
    from ray.serve._private.haproxy import (  # noqa: PLC0415  see above
        BackendConfig,
        HAProxyApi,
        HAProxyConfig,
        HAProxyManager,
        ServerConfig,
    )
    from ray.serve.config import HTTPOptions  # noqa: PLC0415

    place = configuration_of(folder, variant)
    config = HAProxyConfig(
        http_options=HTTPOptions(host="127.0.0.1", port=FRONTEND),
        is_head=True,
        pass_health_checks=variant != "while it drains",
        socket_path=str(place.with_name("admin.sock")),
        server_state_base=str(place.parent),
        server_state_file=str(place.with_name("server-state")),
        metrics_socket_path=str(place.with_name("metrics.sock")),
    )
    haproxy = HAProxyApi(config, {}, config_file_path=str(place))
    if variant != VARIANTS[0]:
        names = [HAProxyManager.get_safe_name(f"SERVE_REPLICA::{NAME}#champion#{port}") for port in REPLICAS]
        backend = BackendConfig(
            name=HAProxyManager.get_safe_name(f"http-{NAME}"),
            path_prefix="/",
            app_name=NAME,
            ingress_deployment_name="champion",
            servers=[
                ServerConfig(name, "127.0.0.1", port) for name, port in zip(names, REPLICAS, strict=True)
            ],
            fallback_server=ServerConfig("SERVE_PROXY_ACTOR-fallback-0123", "127.0.0.1", FALLBACK)
            if "fallback" in variant
            else None,
        )
        haproxy.set_backend_configs({backend.name: backend})
    haproxy._generate_config_file_internal()


def _validate(folder: Path) -> None:
    from ray.serve.schema import ServeDeploySchema  # noqa: PLC0415  see above

    declarations = json.loads((folder / "declarations.json").read_text())
    read = {
        name: ServeDeploySchema.model_validate(each).model_dump(mode="json", exclude_unset=True)
        for name, each in declarations.items()
    }
    (folder / "read.json").write_text(json.dumps(read))


if __name__ == "__main__":
    main()
