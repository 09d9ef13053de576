//! A table with a column of each type that applications commonly store.

pub mod values {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "columns")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub small: i16,
        pub integer: i32,
        pub big: i64,
        pub real: f32,
        pub double: f64,
        pub flag: bool,
        pub text: String,
        #[sea_orm(column_type = "Text")]
        pub long_text: String,
        #[sea_orm(column_type = "Decimal(Some((12, 2)))")]
        pub price: Decimal,
        pub bytes: Vec<u8>,
        pub json: Json,
        #[sea_orm(column_type = "JsonBinary")]
        pub jsonb: Json,
        pub date: Date,
        pub time: Time,
        pub date_time: DateTime,
        pub utc: DateTimeUtc,
        pub with_time_zone: DateTimeWithTimeZone,
        pub maybe: Option<Decimal>,
        pub tags: Vec<String>,
        pub numbers: Vec<i32>,
        pub ids: Vec<Uuid>,
        pub days: Vec<Date>,
        pub prices: Vec<Decimal>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
