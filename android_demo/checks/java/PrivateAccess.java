import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.commons.GeneratorAdapter;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.FieldNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;

/**
 * Private members that other classes of the same file use: nest mates may since Java 11, dex files know no nests.
 *
 * <p>Fields, constructors and static methods lose their `private`. An instance method keeps it, since subclasses could
 * override it otherwise, and gets a static accessor.
 */
final class PrivateAccess implements Opcodes {
    private final Map<String, ClassNode> classes;
    private final Set<String> opened = new HashSet<>();

    PrivateAccess(Map<String, ClassNode> classes) {
        this.classes = classes;
    }

    void use(String user, FieldInsnNode field) {
        ClassNode owner = classes.get(field.owner);
        if (owner == null || field.owner.equals(user)) return;
        for (FieldNode f : owner.fields) {
            if (f.name.equals(field.name) && f.desc.equals(field.desc) && isPrivate(f.access)) {
                opened.add(key(field.owner, f.name, f.desc));
            }
        }
    }

    /** Calls private methods by invokespecial at home, as before Java 11, and instance methods abroad by accessors. */
    void use(String user, MethodInsnNode call) {
        MethodNode target = find(call);
        if (target == null || !isPrivate(target.access)) return;
        boolean isAtHome = call.owner.equals(user);
        if (!isAtHome) opened.add(key(call.owner, call.name, call.desc));
        if (!needsReceiver(target)) return;
        if (isAtHome) {
            call.setOpcode(INVOKESPECIAL);
        } else {
            call.setOpcode(INVOKESTATIC);
            call.desc = accessorDescriptor(call.owner, call.desc);
            call.name = accessorName(call.name);
        }
    }

    /** Opens what was used; to be called when all calls are known. */
    void open() {
        for (ClassNode node : classes.values()) {
            int visible = (node.access & ACC_INTERFACE) != 0 ? ACC_PUBLIC : 0;
            for (FieldNode field : node.fields) {
                if (opened.contains(key(node.name, field.name, field.desc))) field.access ^= ACC_PRIVATE | visible;
            }
            for (MethodNode method : List.copyOf(node.methods)) {
                if (!opened.contains(key(node.name, method.name, method.desc))) continue;
                if (needsReceiver(method)) {
                    node.methods.add(accessor(node, method, visible));
                } else {
                    method.access ^= ACC_PRIVATE | visible;
                }
            }
        }
    }

    private static MethodNode accessor(ClassNode node, MethodNode method, int visible) {
        int access = ACC_STATIC | ACC_SYNTHETIC | visible;
        String descriptor = accessorDescriptor(node.name, method.desc);
        MethodNode made = new MethodNode(ASM9, access, accessorName(method.name), descriptor, null, null);
        GeneratorAdapter code = new GeneratorAdapter(made, access, made.name, made.desc);
        code.visitCode();
        code.loadArgs();
        code.visitMethodInsn(INVOKESPECIAL, node.name, method.name, method.desc, visible != 0);
        code.returnValue();
        code.endMethod();
        return made;
    }

    private MethodNode find(MethodInsnNode call) {
        ClassNode owner = classes.get(call.owner);
        if (owner == null) return null;
        for (MethodNode m : owner.methods) if (m.name.equals(call.name) && m.desc.equals(call.desc)) return m;
        return null;
    }

    private static boolean needsReceiver(MethodNode method) {
        return (method.access & ACC_STATIC) == 0 && !method.name.equals("<init>");
    }

    private static boolean isPrivate(int access) {
        return (access & ACC_PRIVATE) != 0;
    }

    private static String accessorName(String name) {
        return "access$" + name;
    }

    private static String accessorDescriptor(String owner, String descriptor) {
        return "(L" + owner + ";" + descriptor.substring(1);
    }

    private static String key(String owner, String name, String descriptor) {
        return owner + '.' + name + ' ' + descriptor;
    }
}
