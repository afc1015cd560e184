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
      sandbox.cpu_secs = mkOption {
        type = types.ints.positive;
        default = 300;
        description = "Seconds of processor time that all processes of a sandbox have together; never more than the call's own time.";
      };
      sandbox.file_mib = mkOption {
        type = types.ints.positive;
        default = 64;
        description = "MiB of the largest file in a sandbox.";
      };
      sandbox.memory_mib = mkOption {
        type = types.ints.positive;
        default = 512;
        description = "MiB of memory that all processes of a sandbox have together.";
      };
      sandbox.output_kib = mkOption {
        type = types.ints.positive;
        default = 1024;
        description = "KiB that are kept of each of a sandbox's two streams.";
      };
      sandbox.processes = mkOption {
        type = types.ints.positive;
        default = 64;
        description = "Processes and threads that a sandbox has at a time.";
      };
      sandbox.space_mib = mkOption {
        type = types.ints.positive;
        default = 128;
        description = "MiB that a sandbox's working folder, its home and its /tmp may each hold. They are memory.";
      };
      shell.per_minute = mkOption {
        type = types.ints.positive;
        default = 30;
        description = "Commands that an agent may start in a minute.";
      };
      spec_kit.account = mkOption {
        type = types.str;
        default = "osmoda-agent";
        description = "The account as which specify and the agent CLIs run.";
      };
      spec_kit.agents = mkOption {
        type = types.attrsOf (types.listOf types.str);
        default = {
          claude = [
            "claude"
            "--permission-mode"
            "acceptEdits"
            "--print"
          ];
          codex = [
            "codex"
            "exec"
            "--full-auto"
            "--skip-git-repo-check"
          ];
          copilot = [
            "copilot"
            "--allow-all-tools"
            "--prompt"
          ];
          gemini = [
            "gemini"
            "--approval-mode"
            "auto_edit"
            "--prompt"
          ];
        };
        description = "The agent CLIs by the name that specify gives them, with their arguments; the prompt is added as the last one.";
      };
      spec_kit.specify = mkOption {
        type = types.listOf types.str;
        default = [ "specify" ];
        description = "The specify CLI, with arguments that stand before osmoda's.";
      };
      spec_kit.workspace = mkOption {
        type = types.str;
        default = "/workspace";
        description = "The folder below which every spec-driven project is.";
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
      allow_ech = mkOption {
        type = types.bool;
        default = false;
        description = "Whether a ClientHello may hide its server's name. Nothing then says where a tunnel leads.";
      };
      allow_plain_http = mkOption {
        type = types.bool;
        default = false;
        description = "Whether plain HTTP may be spoken in a tunnel. Its requests may then name any host.";
      };
      idle_secs = mkOption {
        type = types.ints.positive;
        default = 600;
        description = "Seconds after which a tunnel in which nothing moves is closed.";
      };
      limits.bytes = mkOption {
        type = types.ints.unsigned;
        default = 0;
        description = "Bytes in both directions over the whole life of a token that has no limit of its own; 0 for no limit.";
      };
      limits.bytes_per_sec = mkOption {
        type = types.ints.unsigned;
        default = 0;
        description = "The same a second.";
      };
      limits.connections = mkOption {
        type = types.ints.positive;
        default = 512;
        description = "Connections of such a token that are open at a time.";
      };
      listen = mkOption {
        type = types.listOf types.str;
        default = [ "127.0.0.1:19999" ];
        description = "Loopback addresses at which the proxy listens beside its Unix socket.";
      };
      most_connections = mkOption {
        type = types.ints.positive;
        default = 16384;
        description = "Connections to the proxy at a time.";
      };
      tls_ports = mkOption {
        type = types.listOf types.port;
        default = [ 443 ];
        description = "Ports on which a tunnel must speak TLS.";
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
