import java.util.Map;
import org.objectweb.asm.Type;
import org.objectweb.asm.commons.GeneratorAdapter;

/** How LambdaMetafactory adapts a value: it casts, boxes, unboxes, widens, or drops a result that nobody wants. */
final class Conversion {
    private static final Map<String, Type> UNBOXED = Map.of(
        "java/lang/Boolean", Type.BOOLEAN_TYPE, "java/lang/Character", Type.CHAR_TYPE,
        "java/lang/Byte", Type.BYTE_TYPE, "java/lang/Short", Type.SHORT_TYPE,
        "java/lang/Integer", Type.INT_TYPE, "java/lang/Long", Type.LONG_TYPE,
        "java/lang/Float", Type.FLOAT_TYPE, "java/lang/Double", Type.DOUBLE_TYPE);

    private Conversion() {}

    static void write(GeneratorAdapter code, Type from, Type to) {
        if (from.equals(to)) return;
        if (to.equals(Type.VOID_TYPE)) {
            if (from.getSize() == 2) code.pop2(); else code.pop();
        } else if (isObject(from) && isObject(to)) {
            code.checkCast(to);
        } else if (isObject(to)) {
            code.valueOf(from);
        } else if (isObject(from)) {
            Type primitive = UNBOXED.getOrDefault(from.getInternalName(), to);
            code.unbox(primitive);
            code.cast(primitive, to);
        } else {
            code.cast(from, to);
        }
    }

    private static boolean isObject(Type type) {
        return type.getSort() >= Type.ARRAY;
    }
}
