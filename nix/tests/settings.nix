# Promise: settings reach the daemon by a rebuild, and a change of them does not end what runs.
{ module }:
{
  name = "osmoda-settings";
  nodes.machine = {
    imports = [ module ];
    services.osmoda.enable = true;
    specialisation.slow.configuration.services.osmoda.agentd.settings.shell.per_minute = 1;
  };
  testScript = ''
    machine.wait_for_unit("osmoda-agentd.service")
    pid = machine.succeed("systemctl show --value --property MainPID osmoda-agentd").strip()
    machine.succeed("/run/current-system/specialisation/slow/bin/switch-to-configuration test")
    machine.succeed("grep -q 'per_minute = 1' /etc/osmoda/osmoda.toml")
    assert pid == machine.succeed("systemctl show --value --property MainPID osmoda-agentd").strip()
    call = """runuser -u osmoda-agent -- agentctl call shell_exec --json '{"command": "true"}'"""
    machine.succeed(call)
    machine.fail(call)
  '';
}
