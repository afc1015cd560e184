# A machine to try things in: nixos-rebuild build-vm --flake .#dev-vm
{ modulesPath, ... }:
{
  imports = [
    ./server.nix
    "${modulesPath}/virtualisation/qemu-vm.nix"
  ];
  networking.hostName = "osmoda-dev";
  virtualisation = {
    memorySize = 2048;
    cores = 2;
    graphics = false;
  };
  # Nothing of it is reached from outside.
  users.users.operator.initialPassword = "operator";
  services.getty.autologinUser = "operator";
}
