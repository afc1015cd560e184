# Promise: nothing acknowledged is lost. After a crash of the machine the ledger is whole, with all that was answered.
{ module }:
{
  name = "osmoda-reboot";
  nodes.machine = {
    imports = [ module ];
    services.osmoda.enable = true;
  };
  testScript = ''
    import json

    def events():
        return json.loads(machine.succeed("agentctl verify-ledger --json"))["events"]

    machine.wait_for_unit("osmoda-agentd.service")
    for number in range(20):
        machine.succeed(f"""agentctl call file_write --json '{{"path": "/srv-{number}", "content": "x"}}'""")
    before = events()
    assert before >= 40, before
    machine.crash()
    machine.start()
    machine.wait_for_unit("osmoda-agentd.service")
    assert events() >= before
  '';
}
