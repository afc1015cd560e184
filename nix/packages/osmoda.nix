# The programs, built by crane: agentctl in bin, the daemons in lib/osmoda, as the units expect them.
{
  craneLib,
  lib,
  installShellFiles,
}:
let
  root = ../..;
  daemons = lib.attrNames (import ../modules/daemons.nix { inherit lib; });
  common = {
    pname = "osmoda";
    inherit ((lib.importTOML (root + "/Cargo.toml")).workspace.package) version;
    # All that the crates embed, and nothing that only their tests or the documents need.
    src = lib.fileset.toSource {
      inherit root;
      fileset = lib.fileset.unions [
        (root + "/.cargo")
        (root + "/Cargo.lock")
        (root + "/Cargo.toml")
        (root + "/crates")
      ];
    };
    strictDeps = true;
    # The tests start processes of a whole suite and boot machines; CI runs them outside of a build.
    doCheck = false;
    cargoExtraArgs = "--locked --bins --package osmoda-agentctl --package osmoda-sandbox ${
      lib.concatMapStringsSep " " (name: "--package osmoda-${name}") daemons
    }";
  };
in
craneLib.buildPackage (
  common
  // {
    cargoArtifacts = craneLib.buildDepsOnly common;
    nativeBuildInputs = [ installShellFiles ];
    postInstall = ''
      mkdir -p "$out/lib/osmoda" man
      mv "$out"/bin/osmoda-* "$out/lib/osmoda/"
      "$out/bin/agentctl" man-pages man
      rm -f man/agentctl-help-*.1
      installManPage man/*.1
      for shell in bash zsh fish; do
        "$out/bin/agentctl" completions "$shell" >"agentctl.$shell"
      done
      installShellCompletion agentctl.bash agentctl.fish
      installShellCompletion --cmd agentctl --zsh agentctl.zsh
    '';
    meta = {
      description = "The on-machine half of an AI-native operating system";
      license = lib.licenses.asl20;
      platforms = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      mainProgram = "agentctl";
    };
  }
)
