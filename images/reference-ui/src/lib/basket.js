// A customer's basket, without a page around it. Money is in cents.

export const PRODUCTS = [
  { id: 'sourdough', name: 'Sourdough loaf', shop: 'Baker Street Bakery', cents: 480 },
  { id: 'tomatoes', name: 'Vine tomatoes, 500 g', shop: 'Green Corner', cents: 320 },
  { id: 'cheddar', name: 'Farmhouse cheddar, 250 g', shop: 'The Cheese Room', cents: 650 },
  { id: 'coffee', name: 'House espresso beans, 250 g', shop: 'Roast & Co', cents: 890 },
  { id: 'tulips', name: 'Bunch of tulips', shop: 'Petal & Stem', cents: 1200 },
  { id: 'novel', name: 'Staff-pick paperback', shop: 'Corner Books', cents: 999 },
];

export const MOST_OF_ONE = 20;

/** The basket with `by` more (or fewer) of a product; what is down to nothing is gone. */
export function change(basket, id, by) {
  const count = Math.min(MOST_OF_ONE, Math.max(0, (basket[id] ?? 0) + by));
  const { [id]: _, ...others } = basket;
  return count ? { ...others, [id]: count } : others;
}

export function lines(basket, products = PRODUCTS) {
  return products
    .filter((product) => basket[product.id])
    .map((product) => ({ ...product, count: basket[product.id], total: product.cents * basket[product.id] }));
}

export function total(basket, products = PRODUCTS) {
  return lines(basket, products).reduce((sum, line) => sum + line.total, 0);
}

export function money(cents) {
  return new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' }).format(cents / 100);
}

/** What is wrong with a customer's details: a sentence for each field that has a mistake. */
export function mistakes({ name, email }) {
  const found = {};
  if (!name.trim()) found.name = 'Please tell us your name.';
  if (!/^\S+@\S+\.\S+$/.test(email.trim())) found.email = 'Please enter an e-mail address, such as ada@example.com.';
  return found;
}

/** The command that places an order. The same id sent again places no second order. */
export function placeOrder(id, basket, customer) {
  return {
    id,
    type: 'PlaceOrder',
    data: {
      customer: { name: customer.name.trim(), email: customer.email.trim() },
      lines: lines(basket).map(({ id: product, count, cents }) => ({ product, count, cents })),
      total_cents: total(basket),
    },
  };
}
