# Promise: who calls is known. An agent asks, an operator answers, a stranger is nobody.
{ module }:
{
  name = "osmoda-roles";
  nodes.machine = {
    imports = [ module ];
    services.osmoda = {
      enable = true;
      operators = [ "olga" ];
    };
    users.users.olga.isNormalUser = true;
    users.users.otto.isNormalUser = true;
  };
  testScript = ''
    machine.wait_for_unit("osmoda-agentd.service")
    machine.succeed("agentctl doctor")
    act = """agentctl call shell_exec --json '{"command": "echo id | sh"}'"""
    machine.succeed(f"runuser -u olga -- {act}")
    refusal = machine.fail(f"runuser -u osmoda-agent -- {act}")
    assert "approval_required" in refusal, refusal
    machine.fail("runuser -u otto -- agentctl health")
  '';
}
