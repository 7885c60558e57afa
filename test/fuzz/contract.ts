/** Reads the app's own OpenAPI document, so that a route that is added later is fuzzed without a word about it here. */
import { exports } from "cloudflare:workers";
import fc from "fast-check";

/** The part of JSON Schema that the document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly example?: unknown;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly schema: Schema;
}

export interface Route {
  readonly method: string;
  /** With its parameters in braces. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: Schema | undefined;
  /** The statuses that its contract declares. */
  readonly statuses: readonly number[];
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface Contract {
  readonly routes: readonly Route[];
  /** The schemas that others refer to by name. */
  readonly schemas: Readonly<Record<string, Schema>>;
  /** Values that fit a schema, as far as the document tells what fits. */
  valid(schema: Schema): fc.Arbitrary<unknown>;
}

export async function readContract(): Promise<Contract> {
  const response = await exports.default.fetch("https://orderline.test/openapi.json");
  const { paths, components } = (await response.json()) as Document;
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { parameters = [], requestBody, responses }]) => ({
      method: method.toUpperCase(),
      path,
      parameters,
      body: requestBody?.content["application/json"]?.schema,
      statuses: Object.keys(responses).map(Number),
    })),
  );
  return { routes, schemas: components.schemas, valid: (schema) => validValue(schema, components.schemas) };
}

/** Lists are kept short: long ones are a property of their own. */
const MAX_ITEMS = 3;
const MAX_TEXT = 30;

export function validValue(schema: Schema, others: Readonly<Record<string, Schema>> = {}): fc.Arbitrary<unknown> {
  const named = { ...others, ...schema.$defs };
  const valid = (inner: Schema) => validValue(inner, named);
  if (schema.$ref !== undefined) return valid(named[schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1)] ?? {});
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf ?? (Array.isArray(schema.type) ? schema.type.map((type) => ({ ...schema, type })) : null);
  if (choices) return fc.oneof(...choices.map(valid));
  const { example } = schema;
  return example === undefined ? ofType(schema, valid) : fc.oneof(fc.constant(example), ofType(schema, valid));
}

function ofType(schema: Schema, valid: (inner: Schema) => fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], items = {}, minLength = 0, maxLength = MAX_TEXT, minItems = 0, maxItems = MAX_ITEMS } = schema;
  const { exclusiveMinimum = Number.MIN_SAFE_INTEGER - 1, maximum = Number.MAX_SAFE_INTEGER } = schema;
  const { minimum = exclusiveMinimum + 1 } = schema;
  switch (schema.type) {
    case "string":
      if (schema.format === "date-time") return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
      if (schema.format === "idn-email") return fc.oneof(fc.emailAddress(), fc.constantFrom("jörg@exämple.de", "用户@例子.广告"));
      if (schema.pattern !== undefined) return fc.stringMatching(new RegExp(schema.pattern, "u"));
      return fc.string({ unit: "grapheme", minLength, maxLength: Math.max(minLength, Math.min(MAX_TEXT, maxLength)) });
    case "integer":
      return fc.oneof(fc.nat({ max: 5 }), fc.maxSafeInteger()).map(within(minimum, maximum));
    case "number":
      return fc.double({ min: minimum, max: maximum, noNaN: true });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return fc.array(valid(items), { minLength: minItems, maxLength: Math.max(minItems, Math.min(MAX_ITEMS, maxItems)) });
    case "object": {
      const fields = Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, valid(inner)]));
      return fc.record(fields, { requiredKeys: [...required] });
    }
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

const within = (least: number, most: number) => (value: number) => Math.min(most, Math.max(least, value));
