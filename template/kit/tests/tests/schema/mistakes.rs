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
