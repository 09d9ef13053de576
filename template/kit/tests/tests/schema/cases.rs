//! Entities with all that a schema may hold. Two tables refer to each other, one to itself.

pub mod employee {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "employees")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique_key = "team_badge")]
        pub team_id: i64,
        #[sea_orm(unique_key = "team_badge")]
        pub badge: i32,
        pub manager_id: Option<i64>,
        pub level: Level,
        pub previous_levels: Vec<Level>,
        pub tags: Vec<String>,
        #[sea_orm(extra = "CHECK (salary > 0 AND currency <> ',')")]
        pub salary: i32,
        #[sea_orm(default_value = "EUR, gross (at 5 o'clock)")]
        pub currency: String,
        #[sea_orm(extra = "GENERATED ALWAYS AS (salary * 12) STORED")]
        pub yearly: i32,
        pub settings: Json,
        #[sea_orm(default_expr = "Expr::cust(\"gen_random_uuid()\")")]
        pub token: Uuid,
        #[sea_orm(belongs_to, from = "team_id", to = "id")]
        pub team: BelongsTo<super::team::Entity>,
        #[sea_orm(self_ref, relation_enum = "Manager", from = "manager_id", to = "id")]
        pub manager: HasOne<Entity>,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "employee_level")]
    pub enum Level {
        #[sea_orm(string_value = "junior")]
        Junior,
        #[sea_orm(string_value = "senior, or more")]
        Senior,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod team {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "teams")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(indexed)]
        pub lead_id: Option<i64>,
        #[sea_orm(belongs_to, from = "lead_id", to = "id", on_delete = "SetNull")]
        pub lead: BelongsTo<Option<super::employee::Entity>>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod booking {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "bookings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub room: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub day: Date,
        pub employee_id: i64,
        pub badge_team: i64,
        pub badge: i32,
        #[sea_orm(belongs_to, from = "employee_id", to = "id")]
        pub employee: BelongsTo<super::employee::Entity>,
        // To columns that are unique, but not the key.
        #[sea_orm(
            belongs_to,
            relation_enum = "Badge",
            from = "(badge_team, badge)",
            to = "(team_id, badge)"
        )]
        pub holder: BelongsTo<super::employee::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
