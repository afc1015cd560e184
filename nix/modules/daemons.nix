# The daemons that this version has, one entry each: what it is, the typed part of its settings, and whether it has an account
# of its own. The unit of the same name is in nix/units.
{ lib }:
let
  inherit (lib) mkOption types;
in
{
  agentd = {
    about = "the system bridge, the ledger and the approvals";
    settings = {
      approvals.ttl_secs = mkOption {
        type = types.ints.positive;
        default = 900;
        description = "Seconds in which an approval must be answered and used.";
      };
      approvals.most_pending = mkOption {
        type = types.ints.positive;
        default = 50;
        description = "Questions of one principal that may wait at a time.";
      };
      shell.per_minute = mkOption {
        type = types.ints.positive;
        default = 30;
        description = "Commands that an agent may start in a minute.";
      };
    };
  };
  egress = {
    about = "the only way out for sandboxed code";
    account = true;
    settings = {
      allow = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "cache.nixos.org:443" ];
        description = "Hosts that everybody may reach, also without a token: `example.org`, `example.org:443` or `*.example.org`.";
      };
      allow_addresses = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "10.0.0.0/8" ];
        description = "Networks that may be reached although they are private, loopback or otherwise special.";
      };
      idle_secs = mkOption {
        type = types.ints.positive;
        default = 600;
        description = "Seconds after which a tunnel in which nothing moves is closed.";
      };
    };
  };
  keyd = {
    about = "wallets that an agent can use and can't abuse";
    account = true;
    settings = {
      clef = mkOption {
        type = types.bool;
        default = true;
        description = "Whether clef's clients are served at `/run/osmoda/keyd-clef.sock`.";
      };
      clef_patience_secs = mkOption {
        type = types.ints.positive;
        default = 120;
        description = "Seconds for which a client of clef's interface waits for the operator's answer.";
      };
    };
  };
  watch = {
    about = "changes that undo themselves, and health checks that escalate";
    settings = {
      check_interval_secs = mkOption {
        type = types.ints.positive;
        default = 5;
        description = "Seconds between two looks during probation.";
      };
      rollback_tries = mkOption {
        type = types.ints.positive;
        default = 8;
        description = "How often a rollback that fails is tried again before a person is needed.";
      };
    };
  };
}
