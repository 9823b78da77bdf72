"""The declarative application: what `serve deploy`, KubeRay and `churn serve` hand to Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from churn_assets.domain.assignment import CHALLENGER, CHAMPION
from churn_serving.cluster.arguments import CODE_VARIABLE, ReplicaArguments
from churn_serving.configuration import Configuration

if TYPE_CHECKING:
    from ray.serve import Application  # the command reads this module before Ray's environment is set

NAME = "churn"
IMPORT_PATH = "churn_serving.cluster.application:build"


def build(arguments: dict[str, Any]) -> Application:
    """Bind champion and challenger; Ray calls it with the `args` of the declarative configuration."""
    from churn_serving.cluster.deployments import (  # noqa: PLC0415  Ray builds it in a process of its own
        CHALLENGER_DEPLOYMENT,
        CHAMPION_DEPLOYMENT,
    )

    challenger = CHALLENGER_DEPLOYMENT.options(name=CHALLENGER).bind(arguments)
    application: Application = CHAMPION_DEPLOYMENT.options(name=CHAMPION).bind(arguments, challenger)
    return application


def declaration(arguments: ReplicaArguments, configuration: Configuration, code: str) -> dict[str, Any]:
    """Return the application as Ray's `ServeDeploySchema` has it.

    Only `user_config` changes with a configuration: replicas stay and take it over live. Changed code changes the
    environment of the replicas, which rolls new ones out before the old ones go. It must not change the arguments: Ray
    2.60 builds the application anew for them, and for as long as that takes HAProxy has no replica to send to.
    """
    settings = arguments.settings
    change = {"configuration": configuration.plain()}
    shared = {
        "ray_actor_options": {"num_cpus": 0, "runtime_env": {"env_vars": {CODE_VARIABLE: code}}},
        "user_config": change,
        "health_check_period_s": 1.0,
        "health_check_timeout_s": 5.0,
        "graceful_shutdown_wait_loop_s": 0.2,
        "graceful_shutdown_timeout_s": 20.0,
        "logging_config": {"enable_access_log": False, "log_level": "WARNING"},
    }
    return {
        "applications": [
            {
                "name": NAME,
                "route_prefix": "/",
                "import_path": IMPORT_PATH,
                "args": arguments.plain(),
                "deployments": [
                    {
                        "name": CHAMPION,
                        "num_replicas": settings.champion_replicas,
                        # HAProxy holds requests back beyond `replica_concurrency`; Ray must never be the one to refuse.
                        "max_ongoing_requests": 4 * settings.replica_concurrency,
                        # One new replica at a time: starting takes a core for seconds, and customers wait for it.
                        "max_surge_percent": max(100 // settings.champion_replicas, 1),
                        **shared,
                    },
                    {
                        "name": CHALLENGER,
                        "num_replicas": settings.challenger_replicas,
                        "max_ongoing_requests": 64,
                        "max_queued_requests": 128,
                        "max_surge_percent": 100,
                        **shared,
                    },
                ],
            }
        ]
    }
