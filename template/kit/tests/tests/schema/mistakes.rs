//! Entities that cannot become a schema, each kind in a module of its own.

pub mod same_table {
    pub mod a {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "things")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod b {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "things")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub name: String,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

pub mod same_type {
    pub mod a {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "a")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub state: State,
        }

        #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
        #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "state")]
        pub enum State {
            #[sea_orm(string_value = "on")]
            On,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod b {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "b")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub state: State,
        }

        #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
        #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "state")]
        pub enum State {
            #[sea_orm(string_value = "off")]
            Off,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

pub mod upper_case_type {
    pub mod a {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "c")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub state: State,
        }

        #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
        #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "State")]
        pub enum State {
            #[sea_orm(string_value = "on")]
            On,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

pub mod long_names {
    pub mod user {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "u")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            #[sea_orm(
                column_name = "a_column_whose_name_is_longer_than_a_name_may_be_in_every_postgresql"
            )]
            pub long: i64,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod user_role {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "roles_that_a_user_may_have_while_the_contract_lasts")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            #[sea_orm(indexed)]
            pub first_user_id: i64,
            pub other_user_id: i64,
            #[sea_orm(belongs_to, relation_enum = "First", from = "first_user_id", to = "id")]
            pub first: BelongsTo<super::user::Entity>,
            #[sea_orm(belongs_to, relation_enum = "Other", from = "other_user_id", to = "id")]
            pub other: BelongsTo<super::user::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}
