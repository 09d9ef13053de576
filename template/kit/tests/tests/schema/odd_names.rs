//! Names and values that look like the syntax around them.

pub mod orders {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "Order Items ( old ), it's AS")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(column_name = "a, b) FOREIGN KEY (\"c\"")]
        pub commas: i64,
        #[sea_orm(indexed, column_name = "line\nbreak")]
        pub line_break: i64,
        #[sea_orm(default_value = "one,\ntwo) -- 'three' \\ \"four\"")]
        pub text: String,
        #[sea_orm(extra = "CHECK (tags <> ARRAY['(', ',']::varchar[])")]
        pub tags: Vec<String>,
        #[sea_orm(extra = "CHECK (body <> $$),'$$ /* ( */)")]
        pub body: String,
        #[sea_orm(column_name = "parent, (id)")]
        pub parent_id: Option<i64>,
        pub mood: Mood,
        #[sea_orm(self_ref, relation_enum = "Parent", from = "parent_id", to = "id")]
        pub parent: HasOne<Entity>,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "mood")]
    pub enum Mood {
        #[sea_orm(string_value = "it's AS (good, bad);")]
        Good,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
