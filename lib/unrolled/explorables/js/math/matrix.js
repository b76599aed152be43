// Small dense matrices. Every array here is a flat Float64Array in row-major order, without its shape:
// a field of shape (4, H, D) is 4·H·D numbers, one gate after the other, and a column (H, 1) is H
// numbers. Lengths come from the vectors beside a matrix (x has D, h has H). Parameters, states and
// caches are plain objects of such arrays, by the letters of Python: { W_x, W_h, b }, { h, c }.
// `fromJSON` makes them of nested arrays. What is passed in is never changed, unless said so.

// An object of (nested) arrays of numbers, or numbers, as an object of flat arrays.
export function fromJSON(tree) {
  const flat = {};
  for (const [name, value] of Object.entries(tree)) {
    flat[name] = Float64Array.from(Array.isArray(value) ? value.flat(Infinity) : ArrayBuffer.isView(value) ? value : [value]);
  }
  return flat;
}

export function zerosLike(tree) {
  const zeros = {};
  for (const name in tree) zeros[name] = new Float64Array(tree[name].length);
  return zeros;
}

// tree + other, field by field.
export function addTrees(tree, other) {
  const sum = {};
  for (const name in tree) sum[name] = tree[name].map((value, k) => value + other[name][k]);
  return sum;
}

// y += A x, where A begins at `offset`: (rows of y, columns of x). Changes and returns y.
export function addMatVec(y, A, x, offset = 0) {
  const rows = y.length;
  const columns = x.length;
  for (let j = 0, k = offset; j < rows; j++) {
    let sum = 0;
    for (let i = 0; i < columns; i++, k++) sum += A[k] * x[i];
    y[j] += sum;
  }
  return y;
}

// y += Aᵀ v, where A begins at `offset`: (rows of v, columns of y). Changes and returns y.
export function addMatTVec(y, A, v, offset = 0) {
  const rows = v.length;
  const columns = y.length;
  for (let j = 0, k = offset; j < rows; j++) {
    const v_j = v[j];
    for (let i = 0; i < columns; i++, k++) y[i] += A[k] * v_j;
  }
  return y;
}

// A += u vᵀ, where A begins at `offset`: (rows of u, columns of v). Changes and returns A.
export function addOuter(A, u, v, offset = 0) {
  const rows = u.length;
  const columns = v.length;
  for (let j = 0, k = offset; j < rows; j++) {
    const u_j = u[j];
    for (let i = 0; i < columns; i++, k++) A[k] += u_j * v[i];
  }
  return A;
}

export const matVec = (A, x) => addMatVec(new Float64Array(A.length / x.length), A, x);
export const matTVec = (A, v) => addMatTVec(new Float64Array(A.length / v.length), A, v);

// The Euclidean norm, scaled by the largest entry, so that squares neither overflow nor underflow.
export function norm(v) {
  let largest = 0;
  for (let k = 0; k < v.length; k++) if (!(Math.abs(v[k]) <= largest)) largest = Math.abs(v[k]);
  if (!(largest > 0 && largest < Infinity)) return largest;
  let squares = 0;
  for (let k = 0; k < v.length; k++) squares += (v[k] / largest) ** 2;
  return largest * Math.sqrt(squares);
}
