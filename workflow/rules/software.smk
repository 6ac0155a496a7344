"""What a job runs in where Snakemake provides it, by `--software-deployment-method`.

A rule runs commands of one package, and its environment has what this package imports. The
package itself comes from the clone.
"""

# Snakemake takes braces in the path of an environment for wildcards.
HAS_BRACES = {*"{}"} & {*str(workflow.current_basedir)}

if HAS_BRACES and workflow.deployment_settings.deployment_method:
    sys.exit(
        f"error: {workflow.current_basedir} has braces in its name, which Snakemake takes for "
        "wildcards in paths of environments. Move it, or name no --software-deployment-method."
    )


def provide_software():
    """Give every rule the environment of its package; called when all rules are there."""
    for made in workflow.modifier.rules:
        if made.shellcmd and not HAS_BRACES:
            of_shards = made.shellcmd.startswith("python -m preprocessing ")
            group = "preprocessing" if of_shards else "lanistr"
            made.conda_env = f"../envs/{group}.yaml"
            made.container_img = config["engine"]["images"].get(group)
            made.is_containerized = True
