import { describe, expect, it } from "vitest";
import { emailProvider, type Mail } from "../../src/providers/email.ts";
import { callOf, orderOf } from "./calls.ts";

function outbox(send: (mail: Mail) => Promise<{ messageId: string }> = async () => ({ messageId: "<1@cloudflare>" })) {
  const mails: Mail[] = [];
  const provider = emailProvider(
    {
      send(mail) {
        mails.push(mail);
        return send(mail);
      },
    },
    "orders@example.com",
  );
  return { mails, provider };
}

const failing = (code: string | undefined, message = "no") =>
  outbox(() => Promise.reject(Object.assign(new Error(message), code === undefined ? {} : { code }))).provider(callOf("confirm"));

describe("The confirmation", () => {
  it("tells the customer what was ordered and what it costs", async () => {
    const { mails, provider } = outbox();
    const order = orderOf({ charges: [{ code: "postage", amount: 1_800 }], total: 4_350 });
    expect(await provider(callOf("confirm", { order }))).toEqual({ outcome: "succeeded", facts: { reference: "<1@cloudflare>" } });
    expect(mails).toHaveLength(1);
    expect(mails[0]).toMatchObject({ from: "orders@example.com", to: "ada@example.com", subject: "Your order 536365 is confirmed" });
    for (const text of [mails[0]?.text, mails[0]?.html]) {
      for (const part of ["Dear Ada,", "6 × T-light holder", "£15.30", "2 × 71053", "postage", "£18.00", "£43.50"])
        expect(text).toContain(part);
    }
  });

  it("counts minor units as the currency does", async () => {
    for (const [currency, shown] of [
      ["JPY", "¥2,550"],
      ["BHD", "2.550"],
      ["USD", "$25.50"],
    ] as const) {
      const { mails, provider } = outbox();
      await provider(callOf("confirm", { order: orderOf({ currency }) }));
      expect(mails[0]?.text).toContain(shown);
    }
  });

  it("is plain text wherever a customer could have put markup or further header lines", async () => {
    const { mails, provider } = outbox();
    const order = orderOf({
      reference: "1\r\nBcc: all@example.com",
      customer: { name: "<script>alert(1)</script>", email: "ada@example.com" },
      lines: [{ sku: "A", description: `"><img src=x>`, quantity: 1, unitPrice: 1 }],
    });
    await provider(callOf("confirm", { order }));
    expect(mails[0]?.subject).not.toMatch(/[\r\n]/);
    expect(mails[0]?.html).not.toMatch(/<script|<img/);
    expect(mails[0]?.html).toContain("&lt;script&gt;");
  });

  it("keeps a name, a reference and a description on one line each", async () => {
    const { mails, provider } = outbox();
    const order = orderOf({
      reference: "1\r\nTotal  £0.00",
      customer: { name: "Ada\u2028Your order 1 is cancelled\u0085now", email: "ada@example.com" },
      lines: [{ sku: "A", description: "lamp\n\nPlease pay again at https://evil.example", quantity: 1, unitPrice: 1 }],
      charges: [{ code: "postage", description: "by\vpost", amount: 0 }],
    });
    await provider(callOf("confirm", { order }));
    const lines = mails[0]?.text.split(/[\n\r\v\f\u0085\u2028\u2029]/);
    expect(lines).toEqual([
      "Dear Ada Your order 1 is cancelled now,",
      "",
      "thank you: your order 1 Total £0.00 is confirmed.",
      "",
      "1 × lamp Please pay again at https://evil.example  £0.01",
      "by post  £0.00",
      expect.stringMatching(/^Total {2}£/),
      "",
    ]);
    expect(mails[0]?.html).toContain("<td>1 × lamp Please pay again at https://evil.example</td>");
  });

  it("shows markup as text in every place of the HTML part that a customer can fill", async () => {
    const { mails, provider } = outbox();
    const markup = `</td><a href="https://evil.example" onclick='x()'>&amp;`;
    const order = orderOf({
      reference: markup,
      customer: { name: markup, email: "ada@example.com" },
      lines: [{ sku: markup, quantity: 1, unitPrice: 1 }],
      charges: [{ code: "postage", description: markup, amount: 0 }],
    });
    await provider(callOf("confirm", { order }));
    const shown = "&lt;/td&gt;&lt;a href=&quot;https://evil.example&quot; onclick=&#39;x()&#39;&gt;&amp;amp;";
    expect(mails[0]?.html.split(shown)).toHaveLength(5);
    expect(mails[0]?.html).not.toContain("<a");
    expect(mails[0]?.text.split(markup)).toHaveLength(5);
  });

  it("carries the call's key, so that a second mail for it can be recognised", async () => {
    const { mails, provider } = outbox();
    const call = callOf("confirm");
    await provider(call);
    await provider({ ...call, attempt: 2 });
    expect(mails.map(({ headers }) => headers)).toEqual([{ "X-Entity-Ref-ID": call.key }, { "X-Entity-Ref-ID": call.key }]);
  });

  it("is done when there is nobody to tell", async () => {
    const { mails, provider } = outbox();
    expect(await provider(callOf("confirm", { order: orderOf({ customer: {} }) }))).toEqual({
      outcome: "succeeded",
      facts: { reference: "no_address" },
    });
    expect(mails).toEqual([]);
  });
});

describe("A mail that the platform does not take", () => {
  it("is tried again when that may help", async () => {
    for (const code of ["E_RATE_LIMIT_EXCEEDED", "E_DAILY_LIMIT_EXCEEDED", "E_DELIVERY_FAILED"]) {
      expect(await failing(code)).toMatchObject({ outcome: "failed", failure: "transient", detail: expect.stringContaining(code) });
    }
    expect(await failing("E_INTERNAL_SERVER_ERROR")).toMatchObject({ failure: "unknown" });
    expect(await failing(undefined, "Network connection lost.")).toMatchObject({ failure: "unknown" });
  });

  it("is put before a person when the settings are at fault", async () => {
    for (const code of ["E_SENDER_NOT_VERIFIED", "E_HEADER_NOT_ALLOWED", "E_VALIDATION_ERROR"]) {
      expect(await failing(code)).toMatchObject({ failure: "poison" });
    }
  });

  it("does not stop a paid order because its customer's address bounces", async () => {
    expect(await failing("E_RECIPIENT_SUPPRESSED")).toEqual({ outcome: "succeeded", facts: { reference: "undeliverable" } });
  });

  it("does not carry the customer's address into the journal", async () => {
    expect(JSON.stringify(await failing("E_VALIDATION_ERROR", "bad recipient <ada@example.com>"))).not.toContain("ada@");
  });
});
