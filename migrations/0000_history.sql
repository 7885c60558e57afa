-- Generated from src/projections/history/schema.ts, then edited by hand: drizzle cannot say WITHOUT ROWID. It keeps each row inside its
-- primary key's b-tree. With a rowid, the key would be an index of its own: one more row billed for every order and
-- a second look-up for every upsert.
CREATE TABLE `dead_letters` (
	`id` text PRIMARY KEY NOT NULL,
	`queue` text NOT NULL,
	`cause` text NOT NULL,
	`body` text NOT NULL,
	`received_at` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `orders` (
	`order_id` text NOT NULL,
	`tenant` text NOT NULL,
	`version` integer NOT NULL,
	`status` text NOT NULL,
	`stage` text,
	`priority` text NOT NULL,
	`track` text NOT NULL,
	`reference` text,
	`customer_id` text,
	`currency` text NOT NULL,
	`total` integer NOT NULL,
	`line_count` integer NOT NULL,
	`reason` text,
	`attention` text,
	`cause_class` text,
	`cause_fingerprint` text,
	`placed_at` integer NOT NULL,
	`started_at` integer,
	`confirmed_at` integer,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`tenant`, `placed_at`, `order_id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `orders_by_status` ON `orders` (`tenant`,`status`,`placed_at`,`order_id`);--> statement-breakpoint
CREATE INDEX `orders_by_priority` ON `orders` (`tenant`,`priority`,`placed_at`,`order_id`) WHERE priority <> 'standard';--> statement-breakpoint
CREATE INDEX `orders_for_attention` ON `orders` (`tenant`,`attention`,`cause_fingerprint`,`placed_at`,`order_id`) WHERE attention IS NOT NULL;--> statement-breakpoint
CREATE INDEX `orders_by_customer` ON `orders` (`tenant`,`customer_id`,`placed_at`,`order_id`) WHERE customer_id IS NOT NULL;