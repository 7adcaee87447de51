// An activation of a vector: the frequent ones in vector arithmetic, others element by element.
FUNC VEC activate(int function, VEC v, float alpha, float beta) {
  if (function == 0) return v;
  if (function == 30) return VMAX(v, VSPLAT(0.0f));
  if (function == 44) return VMIN(VMAX(v, VSPLAT(alpha)), VSPLAT(beta));
  if (function == 37) return v * VMAX(VSPLAT(0.0f), VMIN(VSPLAT(1.0f), v * VSPLAT(0.16666667f) + VSPLAT(0.5f)));
  float items[VW];
  VSPILL(items, v);
  for (int i = 0; i < VW; i++) items[i] = unary_function(function, items[i], alpha, beta);
  return VLOAD(items, 0);
}
