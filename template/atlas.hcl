# How Atlas plans, lints and applies: https://atlasgo.io/atlas-schema/projects

# Every recipe of the justfile runs Atlas in this environment. URLs hold passwords,
# so they come by variables, not on command lines.
env "project" {
  src = getenv("ATLAS_SRC_URL")
  url = getenv("ATLAS_URL")
  dev = getenv("ATLAS_DEV_URL")
  migration {
    dir = getenv("ATLAS_DIR_URL")
  }
}

# For Atlas by hand, where its edition may run programs:
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

# Losing data, or locking a table for long, fails `just check-migrations`.
# Deliberate? Put `-- atlas:nolint` above the statement.
lint {
  destructive {
    error = true
  }
  data_depend {
    error = true
  }
}

# New indexes on existing tables, built without locking them: each gets a migration
# of its own, outside of a transaction.
#
# diff {
#   concurrent_index {
#     add = true
#   }
# }
