# The words of nixpkgs' lib that the module uses, in the meaning that it uses them in: enough to evaluate it where there is
# no nixpkgs, and nothing more. A word that is missing here stops the evaluation.
rec {
  inherit (builtins)
    attrNames
    mapAttrs
    concatMap
    concatStringsSep
    elem
    filter
    isAttrs
    isBool
    isInt
    isList
    isString
    listToAttrs
    ;
  nameValuePair = name: value: { inherit name value; };
  mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
  mapAttrs' = f: set: listToAttrs (mapAttrsToList f set);
  filterAttrs =
    f: set:
    listToAttrs (
      map (name: nameValuePair name set.${name}) (filter (name: f name set.${name}) (attrNames set))
    );
  genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
  removePrefix =
    prefix: text:
    let
      length = builtins.stringLength prefix;
    in
    if builtins.substring 0 length text == prefix then
      builtins.substring length (builtins.stringLength text) text
    else
      text;
  intersectLists = a: b: filter (each: elem each a) b;

  merge =
    a: b: a // mapAttrs (name: value: if !(a ? ${name}) then value else merged a.${name} value) b;
  merged =
    a: b:
    if isAttrs a && isAttrs b then
      merge a b
    else if isList a && isList b then
      a ++ b
    else
      b;
  mkMerge = builtins.foldl' merge { };
  mkIf = condition: value: if condition then value else { };

  mkOption = option: option // { _type = "option"; };
  types = {
    bool = {
      name = "boolean";
      check = isBool;
    };
    str = {
      name = "string";
      check = isString;
    };
    package = {
      name = "package";
      check = _: true;
    };
    externalPath = {
      name = "path outside of the Nix store";
      check = path: isString path && builtins.substring 0 11 path != "/nix/store/";
    };
    ints.positive = {
      name = "positive integer";
      check = number: isInt number && number > 0;
    };
    ints.unsigned = {
      name = "unsigned integer";
      check = number: isInt number && number >= 0;
    };
    port = {
      name = "port";
      check = number: isInt number && number >= 0 && number < 65536;
    };
    listOf = each: {
      name = "list of ${each.name}";
      check = list: isList list && builtins.all each.check list;
    };
    attrsOf = each: {
      name = "attributes of ${each.name}";
      check = set: isAttrs set && builtins.all each.check (builtins.attrValues set);
    };
    submodule = module: {
      name = "attributes, free beyond the options below";
      check = isAttrs;
      inherit (module) options;
    };
  };

  # fill WHERE OPTIONS VALUES: the values with every default in them; throws where one does not fit its type.
  fill =
    where: options: values:
    mapAttrs (
      name: option:
      let
        here = "${where}.${name}";
      in
      if option._type or "" != "option" then
        fill here option (values.${name} or { })
      else
        let
          value = values.${name} or option.default or (throw "${here} has no value");
        in
        if !option.type.check value then
          throw "${here} is no ${option.type.name}"
        else if option.readOnly or false && values ? ${name} then
          throw "${here} is read-only"
        else if option.type ? options then
          value // fill here option.type.options value
        else
          value
    ) options;

  # describe WHERE OPTIONS: the options as a list, for the reference.
  describe =
    where: options:
    builtins.concatLists (
      mapAttrsToList (
        name: option:
        let
          here = "${where}.${name}";
        in
        if option._type or "" != "option" then
          describe here option
        else
          [
            {
              name = here;
              type = option.type.name;
              inherit (option) description;
              default = if option ? default then builtins.toJSON option.default else null;
              example = if option ? example then builtins.toJSON option.example else null;
              readOnly = option.readOnly or false;
            }
          ]
          ++ (if option.type ? options then describe here option.type.options else [ ])
      ) options
    );
}
