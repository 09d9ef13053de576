# Configuration of Atlas: https://atlasgo.io/atlas-schema/projects

# The environment of all recipes. URLs hold passwords, so they are passed in variables and
# not on command lines.
env "project" {
  src = getenv("ATLAS_SRC_URL")
  url = getenv("ATLAS_URL")
  dev = getenv("ATLAS_DEV_URL")
  migration {
    dir = getenv("ATLAS_DIR_URL")
  }
}

# For running Atlas by hand, with an edition that supports external schemas:
#   ATLAS_DEV_URL=postgres://... atlas migrate diff NAME --env local
data "external_schema" "entities" {
  program = ["cargo", "run", "--quiet", "--bin", "print-schema"]
}

env "local" {
  src = data.external_schema.entities.url
  dev = getenv("ATLAS_DEV_URL")
  migration {
    dir = "file://migrations"
  }
}

# Builds new indexes without locking their tables, each in a separate migration outside of
# a transaction.
#
# diff {
#   concurrent_index {
#     add = true
#   }
# }
